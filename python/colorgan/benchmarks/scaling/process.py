"""One of the processes that share a batch: mpirun -n N python -m ...scaling.process JOB ITERATIONS.

JOB is the file of a `Job` whose batch is a process's share. The first process prints what it
measured, a `Turn`, in JSON.
"""

import json
import sys
import time
from statistics import median

from colorgan.benchmarks.training.caffe_side import CaffeSide
from colorgan.processes import Processes, all_processes
from colorgan.training.player import Player

REPETITIONS = 15  # of an averaging by itself


def main(job: str, iterations: int) -> None:
    """Train, after an iteration that is not counted; then average without training."""
    with all_processes() as processes:
        side = CaffeSide()
        side.begin(job)
        side.prepare()
        side.iterate(1)
        meet(processes)
        seconds = side.iterate(iterations)
        players = side.training.players
        turn = {
            "iteration": seconds["all"],
            "averaging": seconds["averaging"],
            "alone": {player.name: averaging_seconds(player, processes) for player in players},
            "bytes": {player.name: player.parameter_bytes() for player in players},
        }
        processes.first(lambda: print(json.dumps(turn), flush=True))


def averaging_seconds(player: Player, processes: Processes) -> float:
    """What it takes to average a net's gradients where no process has to wait for another."""
    taken = []
    for _ in range(REPETITIONS):
        meet(processes)
        begun = time.perf_counter()
        player.average()
        taken.append(time.perf_counter() - begun)
    return median(taken)


def meet(processes: Processes) -> None:
    """Wait until all processes have come here."""
    processes.largest(0)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
