"""What CUDA's driver says of this machine, asked before Caffe, which would end the process."""

import ctypes

# CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR of cuda.h.
CAPABILITY_ATTRIBUTES = (75, 76)


def _driver() -> ctypes.CDLL | None:
    """The driver, ready to be asked; None where there is none, or no GPU for it."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return None
    return driver if driver.cuInit(0) == 0 else None


def _ask(name: str, *arguments: object) -> int:
    """The whole number that a function of the driver gives through its first argument."""
    answer = ctypes.c_int(0)
    driver = _driver()
    if driver is None or getattr(driver, name)(ctypes.byref(answer), *arguments) != 0:
        return 0
    return answer.value


def count_gpus() -> int:
    """Count the GPUs that the driver lets this process use; 0 without driver or GPU."""
    return _ask("cuDeviceGetCount")


def supported_cuda() -> tuple[int, int]:
    """The latest CUDA that the driver runs, such as (12, 9); (0, 0) without a driver."""
    version = _ask("cuDriverGetVersion")
    return version // 1000, version % 1000 // 10


def compute_capability(gpu: int) -> tuple[int, int]:
    """What NVIDIA calls the generation of GPU number `gpu`: (6, 1) of a GTX 10xx."""
    device = _ask("cuDeviceGet", gpu)
    major, minor = (_ask("cuDeviceGetAttribute", each, device) for each in CAPABILITY_ATTRIBUTES)
    return major, minor
