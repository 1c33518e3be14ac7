"""How every command ends when its input is wrong: one line, exit code 2."""

import sys
from collections.abc import Callable


class UserError(Exception):
    """Something the caller can put right; its text is one line: what is wrong, what to do."""


def run_program(name: str, work: Callable[[], int | None]) -> int:
    """Do the work of the command `name` and return the process's exit code.

    0 (or what `work` returns) on success, 2 after a `UserError` (its text goes to standard error),
    130 after Ctrl-C, as shells expect. Every other exception is a bug and keeps its traceback.
    """
    try:
        return work() or 0
    except UserError as error:
        print(f"{name}: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"{name}: interrupted", file=sys.stderr)
        return 130
