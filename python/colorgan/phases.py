"""Where the time of a program goes."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

Result = TypeVar("Result")


def timed(work: Callable[..., Result], *given: object) -> tuple[Result, float]:
    """What `work` makes of what it is given, and the seconds of processor time that it takes."""
    begun = time.process_time()
    return work(*given), time.process_time() - begun


class PhaseTimes:
    """Seconds spent in each named phase of a program."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Add the time that the block takes to `name`."""
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] += time.perf_counter() - begun

    def table(self, total: float) -> str:
        """A line for each phase, the longest first: seconds, share of `total`; and for the rest."""
        phases = {**self.seconds, "everything else": total - sum(self.seconds.values())}
        rows = sorted(phases.items(), key=lambda row: -row[1])
        return "\n".join(f"{name:16} {t:9.2f} s {t / total:8.2%}" for name, t in rows)
