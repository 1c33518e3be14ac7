"""How every command ends: when its input is wrong, in one line; when it is told to, tidily."""

import signal
import sys
from collections.abc import Callable


class UserError(Exception):
    """Something the caller can put right; its text is one line: what is wrong, what to do."""


def run_program(name: str, work: Callable[[], int | None]) -> int:
    """Do the work of the command `name` and return the process's exit code.

    0 (or what `work` returns) on success, 2 after a `UserError` (its text goes to standard error),
    130 after Ctrl-C, as shells expect, 143 after SIGTERM and 129 after SIGHUP, which comes where
    the terminal closes; what is unfinished is removed first. Every other exception is a bug and
    keeps its traceback.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:  # and not ignored, as under nohup
            signal.signal(number, _end)
    try:
        return work() or 0
    except UserError as error:
        print(f"{name}: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"{name}: interrupted", file=sys.stderr)
        return 130


def _end(number: int, _frame: object) -> None:
    """Leave every block on the way out, which removes what is unfinished."""
    raise SystemExit(128 + number)
