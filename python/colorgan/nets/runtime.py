"""The real Caffe: imported quietly, checked once for what the project needs, its device chosen."""

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from functools import cache, reduce
from pathlib import Path
from types import ModuleType

from colorgan.errors import UserError
from colorgan.nets.cuda_driver import compute_capability, count_gpus, supported_cuda

REMEDY = "run bash tools/setup.sh"

# What CAFFE_CPU_ENGINE may say: Caffe's own CPU code, or the most that the accelerated one may use.
CPU_ENGINES = ("stock", "avx2", "avx512")

# What the programs use of pycaffe. BVLC's release 1.0 has no `apply_update`, other packages of the
# name `caffe` have still less; found missing here, it would otherwise be missed in mid-training.
REQUIRED_ATTRIBUTES = {
    "": ("Net", "AdamSolver", "Layer", "TRAIN", "TEST", "cpu_engine", "get_solver",
         "layer_type_list", "proto", "set_device", "set_mode_cpu", "set_mode_gpu",
         "set_random_seed", "share_batches"),
    "Net": ("_backward", "_forward", "blobs", "clear_param_diffs", "copy_from", "forward", "layers",
            "params", "reshape", "save", "set_param_gradients", "share_with"),
    "_caffe.Blob": ("blend", "copy_from", "data", "diff", "fill"),
    "AdamSolver": ("apply_update", "iter", "net", "param", "restore", "snapshot"),
}  # fmt: skip
REQUIRED_LAYERS = frozenset({
    "AbsVal", "BatchNorm", "Concat", "Convolution", "Crop", "Deconvolution", "Dropout", "DummyData",
    "Eltwise", "EuclideanLoss", "InnerProduct", "Input", "Pooling", "Power", "Python", "ReLU",
    "Reduction", "Scale", "Sigmoid", "SigmoidCrossEntropyLoss", "Slice", "Split", "TanH",
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
        parts = filter(None, owner_name.split("."))
        owner = reduce(lambda owner, part: getattr(owner, part, None), parts, caffe)
        if owner is not None:
            prefix = f"{owner_name}." if owner_name else ""
            yield from (prefix + name for name in names if not hasattr(owner, name))
    if hasattr(caffe, "layer_type_list"):
        layers = REQUIRED_LAYERS.difference(caffe.layer_type_list())
        yield from (f"layer {name}" for name in sorted(layers))


def use_device(gpu: int | None, tf32: bool = False) -> None:
    """Have nets that the calling thread runs compute on the CPU, or on GPU number `gpu`.

    Caffe keeps this choice for each thread, and starts every thread on the CPU. With `tf32`, the
    factors of convolutions on the GPU are rounded to 11 bits where the card is quicker then.

    Raises:
        UserError: `gpu` is given, and this Caffe is built for CPUs only, or there is no such GPU,
            or none that it is built for (Caffe itself would end the process).
    """
    caffe = load_caffe()
    if gpu is None:
        caffe.set_mode_cpu()
        return
    check_device(gpu)
    if tf32:
        os.environ["CAFFE_TF32"] = "1"
    keep_convolution_plans()
    caffe.set_device(gpu)
    caffe.set_mode_gpu()


def gpu_of(first: int | None, process: int) -> int | None:
    """The GPU of a machine's process number `process`, from 0, where process 0 has `first`.

    The next one has the next, and so on around; so each has its own where Slurm shows it no other.
    """
    if first is None or process == 0:
        return first
    return (first + process) % max(1, count_gpus())


def keep_convolution_plans() -> None:
    """Have Caffe keep which of cuDNN's algorithms were the quickest on this card, for later runs.

    Each gives other last bits: a run can be repeated, and resumed, to the bit only with the same.
    They go to the user's cache, or where CAFFE_CONVOLUTION_PLANS says; Caffe reads it once.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "colorgan"
    plans = Path(os.environ.setdefault("CAFFE_CONVOLUTION_PLANS", str(cache / "convolutions.txt")))
    with suppress(OSError):  # then they are kept for this process alone, which Caffe says
        plans.parent.mkdir(parents=True, exist_ok=True)


def check_device(gpu: int) -> None:
    """UserError unless this Caffe is built for GPUs, and GPU number `gpu` is there and runs it."""
    build = json.loads((Path(load_caffe().__file__).parent / "build.json").read_text())
    if build["cpu_only"]:
        raise UserError(f"GPU {gpu} asked for, but this Caffe is built for CPUs only: leave it out")
    check_gpu(gpu, build["cuda"])


def check_gpu(gpu: int, built: dict[str, str]) -> None:
    """UserError unless GPU number `gpu` is there and runs what Caffe was built with.

    `built` names the compiler, such as `nvcc` 13.0.88, and the `architectures` that it made code
    for, such as 75,80,86: those cards', and later ones'.
    """
    count = count_gpus()
    if not 0 <= gpu < count:
        raise UserError(f"GPU {gpu} asked for, but {count} GPUs can be used: see nvidia-smi")
    cuda = int(built["nvcc"].partition(".")[0])
    driver = supported_cuda()
    if driver[0] < cuda:
        raise UserError(
            f"GPU {gpu} asked for, but its driver runs CUDA {dotted(driver)}, and this Caffe needs "
            f"{cuda}: update the driver, or build Caffe with an older CUDA"
        )
    card = compute_capability(gpu)
    oldest = divmod(min(map(int, built["architectures"].split(","))), 10)
    if card < oldest:
        raise UserError(
            f"GPU {gpu} asked for, but it has compute capability {dotted(card)}, and this Caffe is "
            f"built for {dotted(oldest)} and later: build it with CUDA 11.8 to 12.9 and cuDNN 8 to "
            "9.10, which know cards from GTX 10xx (6.1) on"
        )


def dotted(version: tuple[int, int]) -> str:
    """A version as people write it: 6.1."""
    return ".".join(map(str, version))
