"""The one-line messages of commands: errors, which end them, and notes, which do not."""

import errno
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from colorgan.streams import lost_output, make_safe

# Signals that ask a process to end; Windows has no SIGHUP.
_ENDS = [signal.Signals[name] for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
# Errors from writing to a full or failing disk, which do not name the file.
_OF_DISKS = {errno.ENOSPC, errno.EDQUOT, errno.EIO}
# OpenCV's error has this text if memory runs out; its `code` belongs to whatever error came last.
_OPENCV_LACKS_MEMORY = "(-4:Insufficient memory)"


class UserError(Exception):
    """Something the caller can fix; its text is one line: what is wrong, and what to do."""


def run_program(name: str, work: Callable[[], int | None]) -> int:
    """Do the work of the command `name` and return the process's exit code.

    0 (or what `work` returns) on success; 2 after a `UserError`, whose text goes to standard error,
    and if the system refuses a file or standard output; as shells expect, 130 after Ctrl-C, 143
    after SIGTERM and 129 after SIGHUP, which is sent when the terminal closes. Unfinished files are
    removed first. Every other exception is a bug, and keeps its traceback.
    """
    make_safe()
    for number in _ENDS:
        if signal.getsignal(number) is signal.SIG_DFL:  # nohup ignores SIGHUP, which is kept
            signal.signal(number, _end)
    code = _outcome(name, work)
    lost = lost_output()
    if lost:
        print(f"{name}: error: cannot write to standard output: {lost}", file=sys.stderr)
        return max(code, 2)
    return code


def _outcome(name: str, work: Callable[[], int | None]) -> int:
    try:
        return work() or 0
    except BaseException as error:
        problem = "interrupted" if isinstance(error, KeyboardInterrupt) else _problem_in(error)
        if problem is not None:
            print(f"{name}: {problem}", file=sys.stderr)
        elif not isinstance(error, SystemExit):  # argparse's, after --help; or _end's
            raise
        return exit_code(error)


def exit_code(error: BaseException) -> int:
    """The exit code of a process that ends with `error`, see `run_program`."""
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    if isinstance(error, KeyboardInterrupt):
        return 130
    return 1 if _problem_in(error) is None else 2


def _problem_in(error: BaseException) -> str | None:
    """A one-line message for an error that is not a bug; None for a bug."""
    if isinstance(error, UserError):
        return f"error: {error}"
    if isinstance(error, OSError):  # a forbidden folder, a name that is too long, a full disk
        if error.filename is None and error.errno not in _OF_DISKS:
            return None
        return f"error: {error.filename or 'a file'}: cannot be used ({error.strerror})"
    if isinstance(error, UnicodeEncodeError):  # Caffe's files, and others, store names as UTF-8
        near = error.object[max(error.start - 99, 0) : error.end + 9]
        return f"error: {near!r}: its name is not UTF-8; rename it"
    if lacks_memory(error):
        return f"error: not enough memory ({error or 'ask for less'})"
    return None


@contextmanager
def enough_memory_for(name: str) -> Iterator[None]:
    """Raise `UserError` if memory runs out over the picture or film that is called `name`."""
    try:
        yield
    except Exception as error:
        if not lacks_memory(error):
            raise
        raise UserError(f"{name}: too large for this computer's memory; scale it down") from None


def lacks_memory(error: BaseException) -> bool:
    """Whether an error, from Python, NumPy or OpenCV, says that memory ran out."""
    return isinstance(error, MemoryError) or _OPENCV_LACKS_MEMORY in str(error)


def _end(number: int, _frame: object) -> None:
    """Leave through every block on the way out, which removes unfinished files."""
    raise SystemExit(128 + number)


def note(text: str, program: str = "colorgan") -> None:
    """Print a line on standard error about something that does not end the work."""
    from tqdm import tqdm  # imported late, since most commands print no note

    tqdm.write(f"{program}: {text}", file=sys.stderr)  # above a progress bar, if there is one


def counted(kinds: Counter[str]) -> str:
    """Counts for a message, the highest first: "8 .cr2, 3 .docx"; empty if there are none."""
    return ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
