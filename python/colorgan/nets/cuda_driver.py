"""What CUDA's driver knows about this machine. We ask it first, as Caffe would end the process."""

import ctypes
from functools import cache

# CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR of cuda.h.
CAPABILITY_ATTRIBUTES = (75, 76)


@cache
def _driver() -> ctypes.CDLL | None:
    """The driver, initialised; None where there is none, or it has no GPU."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return None
    return driver if driver.cuInit(0) == 0 else None


def _ask(name: str, *arguments: object) -> int:
    """The integer that a driver function returns through its first argument; 0 if it fails."""
    answer = ctypes.c_int(0)
    driver = _driver()
    if driver is None or getattr(driver, name)(ctypes.byref(answer), *arguments) != 0:
        return 0
    return answer.value


def _call(name: str, *arguments: object) -> None:
    """Call a driver function; OSError where it fails."""
    driver = _driver()
    code = -1 if driver is None else getattr(driver, name)(*arguments)
    if code != 0:
        raise OSError(f"CUDA's driver: {name} failed with code {code}")


def name_of(gpu: int) -> str:
    """The name of GPU number `gpu`."""
    name = ctypes.create_string_buffer(256)
    _call("cuDeviceGetName", name, len(name), _ask("cuDeviceGet", gpu))
    return name.value.decode()


def wait_for_gpu() -> None:
    """Wait until the GPU that the calling thread uses has finished its work."""
    _call("cuCtxSynchronize")


def memory_in_use(gpu: int) -> int:
    """Bytes of the card's memory in use by all processes, including this one's CUDA context."""
    free, total = ctypes.c_size_t(), ctypes.c_size_t()
    _call("cuCtxPushCurrent_v2", _context(gpu))
    _call("cuMemGetInfo_v2", ctypes.byref(free), ctypes.byref(total))
    _call("cuCtxPopCurrent_v2", ctypes.byref(ctypes.c_void_p()))
    return total.value - free.value


@cache
def _context(gpu: int) -> ctypes.c_void_p:
    """The process's context on that GPU, kept because making one takes a while."""
    context = ctypes.c_void_p()
    _call("cuDevicePrimaryCtxRetain", ctypes.byref(context), _ask("cuDeviceGet", gpu))
    return context


def count_gpus() -> int:
    """The number of GPUs that the driver lets this process use; 0 without driver or GPU."""
    return _ask("cuDeviceGetCount")


def supported_cuda() -> tuple[int, int]:
    """The latest CUDA that the driver supports, such as (12, 9); (0, 0) without a driver."""
    version = _ask("cuDriverGetVersion")
    return version // 1000, version % 1000 // 10


def compute_capability(gpu: int) -> tuple[int, int]:
    """NVIDIA's number for the generation of GPU number `gpu`: (6, 1) for a GTX 10xx."""
    device = _ask("cuDeviceGet", gpu)
    major, minor = (_ask("cuDeviceGetAttribute", each, device) for each in CAPABILITY_ATTRIBUTES)
    return major, minor
