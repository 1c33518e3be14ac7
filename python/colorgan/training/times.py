"""Where the time of a training goes: its iterations, and the pauses between them."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from colorgan.phases import PhaseTimes

# Caffe's own work; the rest of an iteration is this project's overhead.
CAFFE_PHASES = tuple(f"{net} {work}" for net in "GD" for work in ("forward", "backward", "update"))
# What happens now and then between iterations, and does not count as part of one.
PAUSES = ("validation", "snapshot")


class TrainingTimes(PhaseTimes):
    """Seconds spent in each phase of a training run."""

    def __init__(self) -> None:
        super().__init__()
        self._begun = self._ended = 0.0
        self._iterating_at_last_log = 0.0

    @contextmanager
    def run(self) -> Iterator[None]:
        """Time the block as the whole run."""
        self._begun = time.perf_counter()
        try:
            yield
        finally:
            self._ended = time.perf_counter()

    def iterating(self) -> float:
        """Seconds from the run's start to its end, or to now, without the pauses."""
        end = self._ended or time.perf_counter()
        return end - self._begun - sum(self.seconds[name] for name in PAUSES)

    def since_last_log(self) -> float:
        """Seconds of iterating since this was last called."""
        last, self._iterating_at_last_log = self._iterating_at_last_log, self.iterating()
        return self._iterating_at_last_log - last

    def overhead(self) -> float:
        """The share, in [0, 1], of an iteration that is neither forward, backward nor update."""
        return 1 - sum(self.seconds[name] for name in CAFFE_PHASES) / self.iterating()

    def table_of_iterating(self) -> str:
        """The phases of an iteration with their shares of it, then the pauses without one."""
        iterating = PhaseTimes()
        iterating.seconds.update({n: t for n, t in self.seconds.items() if n not in PAUSES})
        lines = [iterating.table(self.iterating())]
        lines += [f"{name:16} {self.seconds[name]:9.2f} s" for name in PAUSES]
        lines.append(f"outside Caffe's own work: {self.overhead():.2%} of an iteration")
        return "\n".join(lines)
