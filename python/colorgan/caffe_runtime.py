"""The real Caffe: imported quietly, checked once for what the project needs, its device chosen."""

import ctypes
import os
from collections.abc import Iterator
from functools import cache
from types import ModuleType

from colorgan.errors import UserError

REMEDY = "run bash tools/setup.sh"

# What CAFFE_CPU_ENGINE may say: Caffe's own CPU code, or the most that the accelerated one may use.
CPU_ENGINES = ("stock", "avx2", "avx512")

# What the programs use of pycaffe. BVLC's release 1.0 has no `apply_update`, other packages of the
# name `caffe` have still less; found missing here, it would otherwise be missed in mid-training.
REQUIRED_ATTRIBUTES = {
    "": ("Net", "AdamSolver", "TRAIN", "TEST", "cpu_engine", "get_solver", "layer_type_list",
         "proto", "set_device", "set_mode_cpu", "set_mode_gpu", "set_random_seed"),
    "Net": ("backward", "blobs", "clear_param_diffs", "copy_from", "forward", "params", "reshape",
            "save", "share_with"),
    "AdamSolver": ("apply_update", "iter", "net", "param", "restore", "snapshot"),
}  # fmt: skip
REQUIRED_LAYERS = frozenset({
    "BatchNorm", "Concat", "Convolution", "Deconvolution", "Eltwise", "EuclideanLoss",
    "InnerProduct", "Input", "Power", "ReLU", "Reduction", "Scale", "Sigmoid",
    "SigmoidCrossEntropyLoss", "Slice", "Split", "TanH",
})  # fmt: skip


@cache
def load_caffe() -> ModuleType:
    """Import pycaffe and check that it has what the programs need.

    Caffe's log lines below errors are off unless the environment sets GLOG_minloglevel; Caffe reads
    it once, at this first import, and CAFFE_CPU_ENGINE at the first layer.

    Raises:
        UserError: caffe is absent, does not load, or is not the Caffe this project builds; or
            CAFFE_CPU_ENGINE names no engine.
    """
    os.environ.setdefault("GLOG_minloglevel", "2")
    engine = os.environ.get("CAFFE_CPU_ENGINE")
    if engine and engine not in CPU_ENGINES:
        raise UserError(f"CAFFE_CPU_ENGINE={engine}: must be {', '.join(CPU_ENGINES)}, or not set")
    try:
        import caffe
    except ImportError as error:
        raise UserError(f"caffe cannot be imported ({error}): {REMEDY}") from None
    missing = list(missing_capabilities(caffe))
    if missing:
        where = getattr(caffe, "__file__", None) or "a folder without __init__.py"
        raise UserError(
            f"caffe of {where} lacks {', '.join(missing)}: not the build of this project; {REMEDY}"
        )
    return caffe


def missing_capabilities(caffe: ModuleType) -> Iterator[str]:
    """Name the attributes and layers that the programs need and the module `caffe` lacks."""
    for owner_name, names in REQUIRED_ATTRIBUTES.items():
        owner = getattr(caffe, owner_name, None) if owner_name else caffe
        if owner is not None:
            prefix = f"{owner_name}." if owner_name else ""
            yield from (prefix + name for name in names if not hasattr(owner, name))
    if hasattr(caffe, "layer_type_list"):
        layers = REQUIRED_LAYERS.difference(caffe.layer_type_list())
        yield from (f"layer {name}" for name in sorted(layers))


def use_device(gpu: int | None) -> None:
    """Have nets that the calling thread runs compute on the CPU, or on GPU number `gpu`.

    Caffe keeps this choice for each thread, and starts every thread on the CPU.

    Raises:
        UserError: `gpu` is given, and this Caffe is built for CPUs only or there is no such GPU
            (Caffe itself would end the process at the first net).
    """
    caffe = load_caffe()
    if gpu is None:
        caffe.set_mode_cpu()
        return
    if not hasattr(caffe._caffe.Blob, "_gpu_data_ptr"):  # exported unless compiled with CPU_ONLY
        raise UserError(f"GPU {gpu} asked for, but this Caffe is built for CPUs only: leave it out")
    count = count_gpus()
    if not 0 <= gpu < count:
        raise UserError(f"GPU {gpu} asked for, but {count} GPUs can be used: see nvidia-smi")
    caffe.set_device(gpu)
    caffe.set_mode_gpu()


def count_gpus() -> int:
    """Count the GPUs that CUDA's driver lets this process use; 0 without driver or GPU."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return 0
    count = ctypes.c_int(0)
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return 0
    return count.value
