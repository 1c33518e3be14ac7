"""What commands say in one line: of errors, which end them, and of what does not."""

import errno
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from colorgan.streams import lost_output, make_safe

# What a full or failing disk answers a write, without the file's name.
_OF_DISKS = {errno.ENOSPC, errno.EDQUOT, errno.EIO}
# In the text of OpenCV's error where memory runs out; `code` is that of the last error of all.
_OPENCV_LACKS_MEMORY = "(-4:Insufficient memory)"


class UserError(Exception):
    """Something the caller can put right; its text is one line: what is wrong, what to do."""


def run_program(name: str, work: Callable[[], int | None]) -> int:
    """Do the work of the command `name` and return the process's exit code.

    0 (or what `work` returns) on success, 2 after a `UserError` (its text goes to standard error)
    and where the system refuses a file or standard output, 130 after Ctrl-C, as shells expect, 143
    after SIGTERM and 129 after SIGHUP, which comes where the terminal closes; what is of no further
    use is removed first. Every other exception is a bug and keeps its traceback.
    """
    make_safe()
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:  # and not ignored, as under nohup
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
        elif not isinstance(error, SystemExit):  # argparse's, after --help; or of _end
            raise
        return exit_code(error)


def exit_code(error: BaseException) -> int:
    """What a process leaves that ends by `error`, see `run_program`."""
    if isinstance(error, SystemExit):
        return error.code or 0
    if isinstance(error, KeyboardInterrupt):
        return 130
    return 1 if _problem_in(error) is None else 2


def _problem_in(error: BaseException) -> str | None:
    """What to say of an error that is no bug, in one line; None of a bug."""
    if isinstance(error, UserError):
        return f"error: {error}"
    if isinstance(error, OSError):  # a folder one may not enter, a name too long, a full disk
        if error.filename is None and error.errno not in _OF_DISKS:
            return None
        return f"error: {error.filename or 'a file'}: cannot be used ({error.strerror})"
    if isinstance(error, UnicodeEncodeError):  # Caffe's files, and others, hold names as UTF-8
        near = error.object[max(error.start - 99, 0) : error.end + 9]
        return f"error: {near!r}: rename it; its bytes are not UTF-8"
    if lacks_memory(error):
        return f"error: not enough memory ({error or 'ask for less'})"
    return None


@contextmanager
def enough_memory_for(name: str) -> Iterator[None]:
    """Raise `UserError` where memory runs out over a picture or film: `name` is what to call it."""
    try:
        yield
    except Exception as error:
        if not lacks_memory(error):
            raise
        raise UserError(f"{name}: too large for this computer's memory; scale it down") from None


def lacks_memory(error: BaseException) -> bool:
    """Whether memory ran out: an error of Python's or NumPy's, or of OpenCV's."""
    return isinstance(error, MemoryError) or _OPENCV_LACKS_MEMORY in str(error)


def _end(number: int, _frame: object) -> None:
    """Leave every block on the way out, which removes what is unfinished."""
    raise SystemExit(128 + number)


def note(text: str, program: str = "colorgan") -> None:
    """Tell, in one line on standard error, of something that does not end the work."""
    from tqdm import tqdm  # late: most commands have nothing to tell

    tqdm.write(f"{program}: {text}", file=sys.stderr)  # above a progress bar, if there is one


def counted(kinds: Counter[str]) -> str:
    """Counts as messages tell them, the highest first: "8 .cr2, 3 .docx"; nothing of none."""
    return ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
