"""Programs run under one of the CPU engine's instruction sets, for the tests of its layers.

Caffe reads CAFFE_CPU_ENGINE once a process, so each engine gets a process of its own.
"""

import os
import subprocess
import sys
from pathlib import Path

# What the machine has to have for each; `stock` is Caffe's own code.
CPU_FLAGS = {"stock": set(), "avx2": {"avx2", "fma"}, "avx512": {"avx512f", "avx512dq"}}


def available_engines() -> list[str]:
    """The engines that this machine can run."""
    flags = set(Path("/proc/cpuinfo").read_text().split())
    return [name for name, needed in CPU_FLAGS.items() if needed <= flags]


ENGINES = available_engines()


def run_under(
    engine: str | None, *command: object, threads: int = 2
) -> subprocess.CompletedProcess[str]:
    """Run a Python program with CAFFE_CPU_ENGINE=engine (None: not set) and so many threads."""
    environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
    environment.pop("CAFFE_CPU_ENGINE", None)
    if engine is not None:
        environment["CAFFE_CPU_ENGINE"] = engine
    done = subprocess.run(
        [sys.executable, *map(str, command)],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return done
