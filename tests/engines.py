"""Programs run under one of the CPU engine's instruction sets, or on a GPU, for tests of layers.

Caffe reads CAFFE_CPU_ENGINE once a process, so each engine gets a process of its own.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from colorgan.nets.runtime import load_caffe, use_device

# What the machine has to have for each; `stock` is Caffe's own code.
CPU_FLAGS = {"stock": set(), "avx2": {"avx2", "fma"}, "avx512": {"avx512f", "avx512dq"}}


def available_engines() -> list[str]:
    """The engines that this machine can run."""
    flags = set(Path("/proc/cpuinfo").read_text().split())
    return [name for name, needed in CPU_FLAGS.items() if needed <= flags]


ENGINES = available_engines()
GPU = os.environ.get("TESTED_GPU")  # of pytest --gpu, for conftest and the programs
EVERYWHERE = [*ENGINES, *(["gpu"] if GPU else [])]


def run_under(
    engine: str | None, *command: object, threads: int = 2
) -> subprocess.CompletedProcess[str]:
    """Run a Python program with CAFFE_CPU_ENGINE=engine (None: not set) and so many threads.

    Under "gpu" the nets of `make_net` compute on the GPU that the tests were given.
    """
    # Where the programs import this file from, and Caffe, if not from .venv.
    path = filter(None, [str(Path(__file__).parent), os.environ.get("PYTHONPATH")])
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path)}
    environment["OMP_NUM_THREADS"] = str(threads)
    environment.pop("CAFFE_CPU_ENGINE", None)
    environment.pop("TESTED_GPU", None)
    if engine == "gpu":
        environment["TESTED_GPU"] = str(GPU)
    elif engine is not None:
        environment["CAFFE_CPU_ENGINE"] = engine
    done = subprocess.run(
        [sys.executable, *map(str, command)],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return done


class Outcomes:
    """What a test file, run as a program, writes to its last argument, an .npz file."""

    def __init__(self, program: str, folder: Path) -> None:
        self._program, self._folder = program, folder
        self._kept: dict[tuple[object, ...], dict[str, np.ndarray]] = {}

    def __call__(
        self, engine: str | None, *words: str, threads: int = 2, repeat: int = 0
    ) -> dict[str, np.ndarray]:
        """The arrays that it gives under an engine; another `repeat` is another run."""
        key = (engine, words, threads, repeat)
        if key not in self._kept:
            out = self._folder / f"{len(self._kept)}.npz"
            run_under(engine, self._program, *words, out, threads=threads)
            with np.load(out) as arrays:
                self._kept[key] = dict(arrays)
        return self._kept[key]


def caffe_of_this_process():
    """Caffe, computing where `run_under` said."""
    use_device(None if GPU is None else int(GPU))
    return load_caffe()


def make_net(prototxt: str, phase: str = "TRAIN"):
    """A Caffe net of this process."""
    caffe = caffe_of_this_process()
    with tempfile.NamedTemporaryFile("w", suffix=".prototxt") as file:
        file.write(prototxt)
        file.flush()
        return caffe.Net(file.name, getattr(caffe, phase))
