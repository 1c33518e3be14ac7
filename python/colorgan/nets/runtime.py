"""The real Caffe: imported quietly, checked once for what the project needs, put on a device."""

import importlib.util
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from colorgan.errors import UserError
from colorgan.nets.cuda_driver import compute_capability, count_gpus, supported_cuda

# What pycaffe, which has no type hints, calls caffe.Net and caffe._caffe.Blob.
Net = Any
Blob = Any

REMEDY = "run bash tools/setup.sh"

# The values of CAFFE_CPU_ENGINE: Caffe's own CPU code, or the most that the fast code may use.
CPU_ENGINES = ("stock", "avx2", "avx512")

# What the programs use of pycaffe. BVLC's release 1.0 has no `apply_update`, and other packages
# called `caffe` have still less. Without this check, a training would find out half-way.
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

    Caffe logs errors alone unless the environment sets GLOG_minloglevel. It reads that once, at
    this first import, and CAFFE_CPU_ENGINE at the first layer.

    Raises:
        UserError: caffe is missing, does not load, or is not the Caffe this project builds; or
            CAFFE_CPU_ENGINE names no engine.
    """
    os.environ.setdefault("GLOG_minloglevel", "2")
    engine = os.environ.get("CAFFE_CPU_ENGINE")
    if engine and engine not in CPU_ENGINES:
        raise UserError(f"CAFFE_CPU_ENGINE={engine}: must be {', '.join(CPU_ENGINES)}, or not set")
    place = importlib.util.find_spec("caffe")
    folder = Path(next(iter(place.submodule_search_locations or ()), "")) if place else None
    try:
        import caffe
    except Exception as error:  # one for another Python or protobuf raises all kinds of exceptions
        told = str(error).partition("\n")[0]
        which = "caffe" if folder is None else f"caffe of {folder}"
        raise UserError(f"{which} cannot be imported ({told}): {_remedy(folder)}") from None
    missing = list(missing_capabilities(caffe))
    if missing:
        raise UserError(
            f"caffe of {folder} lacks {', '.join(missing)}: not the build of this project; "
            f"{_remedy(folder)}"
        )
    return caffe


def _remedy(folder: Path | None) -> str:
    """What to do where the Caffe in this folder is of no use: it may hide the project's own."""
    for parent in filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep)):
        if folder is not None and folder.parent == Path(parent).absolute():
            return f"take {parent} out of PYTHONPATH"
    return REMEDY


def missing_capabilities(caffe: ModuleType) -> Iterator[str]:
    """Name the attributes and layers that the programs need and the module `caffe` lacks."""
    for owner_name, names in REQUIRED_ATTRIBUTES.items():
        owner: Any = caffe
        for part in filter(None, owner_name.split(".")):
            owner = getattr(owner, part, None)
        if owner is not None:
            prefix = f"{owner_name}." if owner_name else ""
            yield from (prefix + name for name in names if not hasattr(owner, name))
    if hasattr(caffe, "layer_type_list"):
        layers = REQUIRED_LAYERS.difference(caffe.layer_type_list())
        yield from (f"layer {name}" for name in sorted(layers))


def use_device(gpu: int | None, tf32: bool = False) -> None:
    """Run the calling thread's nets on the CPU, or on GPU number `gpu`.

    Caffe keeps this choice for each thread, and starts every thread on the CPU. With `tf32`, the
    factors of convolutions on the GPU are rounded to 11 bits where that makes the card faster.

    Raises:
        UserError: `gpu` is given, but this Caffe is built for CPUs only, or there is no such GPU,
            or Caffe is not built for it. (Caffe itself would end the process.)
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

    The following processes get the following GPUs, starting over after the last. Where Slurm shows
    each process just one GPU, each gets that one.
    """
    if first is None or process == 0:
        return first
    return (first + process) % max(1, count_gpus())


def keep_convolution_plans() -> None:
    """Let Caffe remember, for later runs, which cuDNN algorithms are the fastest on this card.

    Algorithms differ in the last bits, so repeating or resuming a run to the bit takes the same
    ones. They are kept in the user's cache, or in the file that CAFFE_CONVOLUTION_PLANS names when
    Caffe starts.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "colorgan"
    plans = Path(os.environ.setdefault("CAFFE_CONVOLUTION_PLANS", str(cache / "convolutions.txt")))
    with suppress(OSError):  # then they last as long as this process, and Caffe says so
        plans.parent.mkdir(parents=True, exist_ok=True)


def check_device(gpu: int) -> None:
    """UserError unless this Caffe is built for GPUs, and can run on GPU number `gpu`."""
    build = json.loads(Path(load_caffe().__path__[0], "build.json").read_text())
    if build["cpu_only"]:
        raise UserError(f"GPU {gpu} asked for, but this Caffe is built for CPUs only: leave it out")
    check_gpu(gpu, build["cuda"])


def check_gpu(gpu: int, built: dict[str, str]) -> None:
    """UserError unless there is a GPU number `gpu`, and it can run what Caffe was built with.

    `built` has the compiler's version, as in `nvcc` 13.0.88, and the `architectures` that Caffe was
    built for, as in 75,80,86. Later cards can run it, too.
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
