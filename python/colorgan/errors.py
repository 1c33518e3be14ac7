"""How every program of the project ends when its input is wrong: one line, exit code 2."""

import sys
from collections.abc import Callable
from pathlib import Path


class UserError(Exception):
    """Something the caller can put right; its text is one line: what is wrong, what to do."""


def run_program(main: Callable[[], int | None]) -> int:
    """Run `main` and return the process's exit code.

    0 (or what `main` returns) on success, 2 after a `UserError` (its text goes to standard error),
    130 after Ctrl-C, as shells expect. Every other exception is a bug and keeps its traceback.
    """
    try:
        return main() or 0
    except UserError as error:
        print(f"{Path(sys.argv[0]).name}: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"{Path(sys.argv[0]).name}: interrupted", file=sys.stderr)
        return 130
