"""Has one, two and more processes train in turns; mpirun starts them each time.

MPI's processes keep their cores busy while waiting, so none may be left while others are measured.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from colorgan.benchmarks.training.preparation import prepare_job
from colorgan.errors import UserError
from colorgan.files import read_json

PROCESS = "colorgan.benchmarks.scaling.process"
SMALL_SHARES = (1, 4)  # what many more processes would have each; measured with one process


@dataclass(frozen=True)
class Turn:
    """What the first of some processes measured, in seconds.

    Attributes:
        iteration: a whole one, D's step and G's.
        averaging: the part of it spent on averaging gradients, or waiting for another process.
        alone: the time to average each net's gradients outside of an iteration.
        bytes: the size of each net's gradients.
    """

    iteration: float
    averaging: float
    alone: dict[str, float]
    bytes: dict[str, int]


@dataclass(frozen=True)
class Point:
    """What `processes` with `share` faces each measured, by round."""

    processes: int
    share: int
    turns: list[Turn]

    @property
    def best(self) -> Turn:
        """The turn with the fastest iteration: other load can only slow it down."""
        return min(self.turns, key=lambda turn: turn.iteration)

    def alone(self) -> float:
        """The fastest averaging of both nets outside of an iteration."""
        return min(sum(turn.alone.values()) for turn in self.turns)


@dataclass(frozen=True)
class Measured:
    """What was measured on a machine with `cores` cores, with one thread for each process."""

    cores: int
    batch_size: int
    points: list[Point]

    def point(self, processes: int, share: int) -> Point:
        """The point with these processes and faces for each."""
        return next(p for p in self.points if (p.processes, p.share) == (processes, share))

    def bytes(self) -> dict[str, int]:
        """The size of each net's gradients."""
        return self.points[0].turns[0].bytes


def cases_of(batch_size: int, counts: Iterable[int]) -> list[tuple[int, int]]:
    """Numbers of processes and of faces for each: a batch shared, equal shares, and one alone."""
    counts = sorted({1, *counts})
    least = batch_size // counts[-1]
    shares = {batch_size // n for n in counts} | {n for n in SMALL_SHARES if n < least}
    several = {(n, share) for n in counts for share in (batch_size // n, least)}
    return sorted({(1, share) for share in shares} | several)


def measure(
    folder: Path, generator: Path, batch_size: int, counts: Sequence[int], rounds: int
) -> Measured:
    """Let all cases take turns; `folder` takes what they need."""
    program = mpirun()
    cases = cases_of(batch_size, counts)
    jobs = {}
    for share in {share for _, share in cases}:
        place = folder / f"{share}"
        place.mkdir()
        jobs[share] = prepare_job(place, generator, False, share, size=64, width=1).write()
    points = [Point(*case, []) for case in cases]
    for number in range(1, rounds + 1):
        for point in points:
            turn = turn_of(program, point.processes, jobs[point.share])
            point.turns.append(turn)
            told = f"{point.processes} x {point.share} faces: {turn.iteration:.3f} s"
            print(f"round {number}: {told}", file=sys.stderr, flush=True)
    return Measured(len(os.sched_getaffinity(0)), batch_size, points)


def mpirun() -> str:
    """The program that starts processes: of this Python's environment, or of the path."""
    places = [str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    found = shutil.which("mpirun", path=os.pathsep.join(places))
    if found is None:
        raise UserError("mpirun is not installed: pip install mpi4py mpich")
    return found


def turn_of(program: str, processes: int, job: Path, iterations: int = 1) -> Turn:
    """Start the processes, of one thread each, and wait for what they measure."""
    command = [program, "-n", str(processes), sys.executable, "-m", PROCESS, job, str(iterations)]
    one = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS")}
    done = subprocess.run(command, env=os.environ | one, stdout=subprocess.PIPE, check=False)
    if done.returncode:
        raise UserError(f"mpirun -n {processes}: failed, as it says above")
    return Turn(**json.loads(done.stdout.splitlines()[-1]))


def read_measured(path: Path) -> Measured:
    """What was kept as JSON, field by field; UserError where it is not whole."""
    kept = read_json(path)
    try:
        points = [
            Point(p["processes"], p["share"], [Turn(**turn) for turn in p["turns"]])
            for p in kept["points"]
        ]
        measured = Measured(kept["cores"], kept["batch_size"], points)
        if not _is_whole(measured):
            raise ValueError
    except (KeyError, StopIteration, TypeError, ValueError):
        raise UserError(f"{path}: is not what colorgan bench-scale keeps") from None
    return measured


def _is_whole(measured: Measured) -> bool:
    """Whether there is all that the model is made from; errors as of any wrong data, where not."""
    batch = measured.batch_size
    needed = [measured.point(*case) for case in ((1, batch), (1, batch // 2), (2, batch // 2))]
    times = [point.best.iteration for point in (*needed, *measured.points)]
    return min(measured.cores, batch - 1, *times, needed[-1].alone()) > 0
