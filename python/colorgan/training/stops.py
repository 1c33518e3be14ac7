"""Ctrl-C, SIGTERM, SIGHUP and SIGUSR1, taken as requests to stop at the next good moment."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass
class StopRequest:
    """The number of the first signal that asked the run to stop; 0 until one does."""

    signal: int = 0


@contextmanager
def stop_requests() -> Iterator[StopRequest]:
    """Take the first signal as a request to stop after the iteration; a second one ends at once.

    SIGHUP, sent when the terminal or the ssh session closes, counts unless it is ignored, as under
    nohup. SIGUSR1 is there for Open MPI's mpirun, which kills its processes within two seconds of
    passing on a SIGTERM.
    """
    stop = StopRequest()
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
    usual = {number: signal.getsignal(number) for number in numbers}
    if usual[signal.SIGHUP] is signal.SIG_IGN:
        del usual[signal.SIGHUP]

    def back_to_usual() -> None:
        for number, handler in usual.items():
            signal.signal(number, handler)

    def ask(number: int, _frame: object) -> None:
        stop.signal = number
        back_to_usual()

    for number in usual:
        signal.signal(number, ask)
    try:
        yield stop
    finally:
        back_to_usual()
