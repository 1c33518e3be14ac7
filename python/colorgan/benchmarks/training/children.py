"""The sides' processes, and the memory on the GPU that each of them takes."""

import json
import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from colorgan.errors import UserError
from colorgan.nets.cuda_driver import memory_in_use

# Threads of OpenBLAS and OpenMP keep their cores busy for a while after their work.
SPIN_SECONDS = 0.2
PROCESS = "colorgan.benchmarks.training.process"


class Child:
    """A side in a process of its own, which only works while `ask` waits for it."""

    def __init__(
        self, name: str, python: Path | None, environment: Mapping[str, str], on_gpu: bool
    ) -> None:
        """Start the process; `python` runs it if given, otherwise this Python."""
        self.name = name
        self._pause = 0 if on_gpu else SPIN_SECONDS
        path = [str(Path(__file__).parents[3])]  # the folder of this package
        if python is None and os.environ.get("PYTHONPATH"):  # it is for this Python
            path.append(os.environ["PYTHONPATH"])
        self._process = subprocess.Popen(
            [str(python or sys.executable), "-m", PROCESS, name],
            env=os.environ | environment | {"PYTHONPATH": os.pathsep.join(path)},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def ask(self, method: str, *arguments: Any) -> Any:
        """Call a method of the side, and return its result.

        UserError if the method raises one, or the process dies, as it does on Caffe's own errors.
        """
        time.sleep(self._pause)
        try:
            print(json.dumps([method, *arguments]), file=self._process.stdin, flush=True)
            line = self._process.stdout.readline()  # type: ignore[union-attr] # it is a pipe
        except BrokenPipeError:
            line = ""
        if not line:
            raise UserError(f"{self.name}: its process died; was there memory enough?")
        answer = json.loads(line)
        if "error" in answer:
            raise UserError(f"{self.name}: {answer['error']}")
        return answer["value"]

    def end(self) -> None:
        """Kill the process: it has nothing to finish or to keep."""
        self._process.kill()
        self._process.communicate()


class CardMemory:
    """MiB of the GPU's memory that each side holds: how much more is in use after its calls.

    Only one side works at a time. What another program takes meanwhile counts as that side's.
    """

    def __init__(self, gpu: int | None) -> None:
        self._gpu = gpu
        self.held: dict[str, float] = defaultdict(float)

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        """Count what the block takes; without a GPU, nothing."""
        if self._gpu is None:
            yield
            return
        before = memory_in_use(self._gpu)
        yield
        self.held[name] += (memory_in_use(self._gpu) - before) / 2**20
