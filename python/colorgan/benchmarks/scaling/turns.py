"""Lets one, two and more processes take turns at training; mpirun starts them for each turn.

MPI's processes keep their cores busy while they wait, so none may be left while others are
measured.
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
from colorgan.processes import own_cores

PROCESS = "colorgan.benchmarks.scaling.process"
# Faces that each of many more processes would have. One process is measured with as few, since the
# model needs its times.
SMALL_SHARES = (1, 4)

# What is kept of a turn, and of a case.
TURN = {"iteration": float, "averaging": float, "alone": {"*": float}, "bytes": {"*": int}}
POINT = {"processes": int, "share": int, "turns": [TURN]}


@dataclass(frozen=True)
class Turn:
    """What the first process of a case measured.

    Attributes:
        iteration: seconds of a whole iteration, D's step and G's.
        averaging: the part of that spent on averaging gradients, waiting for others included.
        alone: seconds to average each net's gradients outside of an iteration.
        bytes: size of each net's gradients.
    """

    iteration: float
    averaging: float
    alone: dict[str, float]
    bytes: dict[str, int]


@dataclass(frozen=True)
class Point:
    """A case: some processes with `share` faces each, and what they measured in each round."""

    processes: int
    share: int
    turns: list[Turn]

    @property
    def best(self) -> Turn:
        """The turn with the fastest iteration, as other load can only slow it down."""
        return min(self.turns, key=lambda turn: turn.iteration)

    def alone(self) -> float:
        """Seconds of the fastest averaging of both nets outside of an iteration."""
        return min(sum(turn.alone.values()) for turn in self.turns)


@dataclass(frozen=True)
class Measured:
    """What was measured on a machine with `cores` cores; each process has one thread."""

    cores: int
    batch_size: int
    points: list[Point]

    def point(self, processes: int, share: int) -> Point:
        """The case of as many processes with as many faces each."""
        return next(p for p in self.points if (p.processes, p.share) == (processes, share))

    def bytes(self) -> dict[str, int]:
        """The size of each net's gradients."""
        return self.points[0].turns[0].bytes


def cases_of(batch_size: int, counts: Iterable[int]) -> list[tuple[int, int]]:
    """What to measure: numbers of processes, and of faces for each.

    Several processes share the batch, or have the smallest share each; one process alone has each
    of the shares.
    """
    counts = sorted({1, *counts})
    least = batch_size // counts[-1]
    shares = {batch_size // n for n in counts} | {n for n in SMALL_SHARES if n < least}
    several = {(n, share) for n in counts for share in (batch_size // n, least)}
    return sorted({(1, share) for share in shares} | several)


def measure(
    folder: Path, generator: Path, batch_size: int, counts: Sequence[int], rounds: int
) -> Measured:
    """Let all cases take turns. What they need is written to `folder`.

    UserError if there is no mpirun, or Caffe refuses the net.
    """
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
            line = f"{point.processes} x {point.share} faces: {turn.iteration:.3f} s"
            print(f"round {number}: {line}", file=sys.stderr, flush=True)
    return Measured(len(own_cores()), batch_size, points)


def mpirun() -> str:
    """The path of mpirun: beside this Python, or else on PATH; UserError if there is none."""
    places = [str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    found = shutil.which("mpirun", path=os.pathsep.join(places))
    if found is None:
        raise UserError("mpirun is not installed: pip install mpi4py mpich")
    return found


def turn_of(program: str, processes: int, job: Path) -> Turn:
    """Start the processes, with one thread each, and wait for what they measure."""
    command = [program, "-n", str(processes), sys.executable, "-m", PROCESS, str(job)]
    one = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS")}
    done = subprocess.run(command, env=os.environ | one, stdout=subprocess.PIPE, check=False)
    if done.returncode:
        raise UserError(f"mpirun -n {processes}: failed, as it says above")
    return Turn(**json.loads(done.stdout.splitlines()[-1]))


def read_measured(path: Path) -> Measured:
    """What `bench-scale --json` kept; UserError if that is not enough for the model."""
    kept = read_json(path, cores=int, batch_size=int, points=[POINT])
    points = [
        Point(
            p["processes"], p["share"], [Turn(**{k: turn[k] for k in TURN}) for turn in p["turns"]]
        )
        for p in kept["points"]
    ]
    measured = Measured(kept["cores"], kept["batch_size"], points)
    if not _is_whole(measured):
        raise UserError(f"{path}: is not what colorgan bench-scale keeps")
    return measured


def _is_whole(measured: Measured) -> bool:
    """Whether all cases are there that the model needs, and all its numbers are positive."""
    batch, points = measured.batch_size, measured.points
    needed = {(1, batch), (1, batch // 2), (2, batch // 2)}
    if not (needed <= {(p.processes, p.share) for p in points} and all(p.turns for p in points)):
        return False
    sizes, averaging = measured.bytes().values(), measured.point(2, batch // 2).alone()
    times = [point.best.iteration for point in points]
    return min(measured.cores, batch - 1, sum(sizes), averaging, *times) > 0
