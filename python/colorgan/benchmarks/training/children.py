"""The processes of the sides, and what each of them holds on the card."""

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

SPIN_SECONDS = 0.2  # OpenBLAS's and OpenMP's threads keep the cores for a while after their work
PROCESS = "colorgan.benchmarks.training.process"


class Child:
    """A side in its process, which works only while it is asked something."""

    def __init__(
        self, name: str, python: Path | None, environment: Mapping[str, str], on_gpu: bool
    ) -> None:
        """`python` runs it, in place of this one, with a package path of its own."""
        self.name = name
        self._pause = 0 if on_gpu else SPIN_SECONDS
        path = [str(Path(__file__).parents[3])]  # where the package lies
        if python is None and os.environ.get("PYTHONPATH"):
            path.append(os.environ["PYTHONPATH"])
        self._process = subprocess.Popen(
            [str(python or sys.executable), "-m", PROCESS, name],
            env=os.environ | environment | {"PYTHONPATH": os.pathsep.join(path)},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def ask(self, method: str, *arguments: Any) -> Any:
        """Call a method of the side; UserError where its process dies, which is Caffe's way."""
        time.sleep(self._pause)
        try:
            print(json.dumps([method, *arguments]), file=self._process.stdin, flush=True)
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise UserError(f"{self.name}: its process died; was there memory enough?")
        answer = json.loads(line)
        if "error" in answer:
            raise UserError(f"{self.name}: {answer['error']}")
        return answer["value"]

    def end(self) -> None:
        """End the process, whatever it does; it holds nothing that would need to be kept."""
        self._process.kill()
        self._process.communicate()


class CardMemory:
    """MiB of the card that each side holds: by how much its calls have raised what is in use.

    One side works at a time; what other programs take meanwhile would count as the side's.
    """

    def __init__(self, gpu: int | None) -> None:
        self._gpu = gpu
        self.held: dict[str, float] = defaultdict(float)

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        """Count what the block adds; without a GPU, nothing."""
        if self._gpu is None:
            yield
            return
        before = memory_in_use(self._gpu)
        yield
        self.held[name] += (memory_in_use(self._gpu) - before) / 2**20
