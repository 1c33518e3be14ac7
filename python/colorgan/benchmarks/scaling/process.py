"""One of the processes that share a batch: mpirun -n N python -m ...scaling.process JOB.

JOB is the file of a `Job` whose batch is one process's share. The first process prints the `Turn`
that it measured, as JSON.
"""

import json
import sys
import time
from statistics import median

from colorgan.benchmarks.training.caffe_side import CaffeSide
from colorgan.processes import Processes, all_processes
from colorgan.training.player import Player

REPETITIONS = 15  # of averaging outside of an iteration


def main(job: str) -> None:
    """Measure an iteration, after one that does not count; then averaging without training."""
    with all_processes() as processes:
        side = CaffeSide()
        side.begin(job)
        side.prepare()
        side.iterate(1)
        meet(processes)
        seconds = side.iterate(1)
        players = side.training.players
        turn = {
            "iteration": seconds["all"],
            "averaging": seconds["averaging"],
            "alone": {player.name: averaging_seconds(player, processes) for player in players},
            "bytes": {player.name: player.parameter_bytes() for player in players},
        }
        processes.first(lambda: print(json.dumps(turn), flush=True))


def averaging_seconds(player: Player, processes: Processes) -> float:
    """Seconds to average a net's gradients when no process has to wait for another."""
    taken = []
    for _ in range(REPETITIONS):
        meet(processes)
        begun = time.perf_counter()
        player.average()
        taken.append(time.perf_counter() - begun)
    return median(taken)


def meet(processes: Processes) -> None:
    """Wait until all processes have got here."""
    processes.largest(0)


if __name__ == "__main__":
    main(sys.argv[1])
