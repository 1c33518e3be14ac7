"""Makes standard input, output and error safe to use, even if they are closed, full or not read.

A command's purpose is the files that it writes, and what it prints is secondary. So a reader that
goes away (`| head -1`) does not end the work, and is not reported. A full disk does not end the
work either, but is reported at the end. A closed stream is one that nobody wants.
"""

import errno
import io
import os
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

# What writing to a pipe that nobody reads ends with.
_NO_READER = (errno.EPIPE, errno.EINVAL) if sys.platform == "win32" else (errno.EPIPE,)


class _Outlet(io.FileIO):
    """Standard output or error; after the first write that fails, everything is dropped."""

    failure: OSError | None = None

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor, "w", closefd=False)

    def write(self, content: "ReadableBuffer", /) -> int:
        try:
            return super().write(content)
        except OSError as error:
            self.failure = error
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())  # also for libraries and programs that write there
            os.close(nowhere)
            return memoryview(content).nbytes


def make_safe() -> None:
    """Keep later reads and prints from failing, or from using a file with a closed stream's number.

    File names that are not UTF-8 are printed as their own bytes, in any locale. Streams that the
    caller has replaced are left alone, and so is the console of Windows, which cannot be full.
    """
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, f"__{name}__") is None:
            _open_nowhere(descriptor)
            if getattr(sys, name) is None:
                setattr(sys, name, os.fdopen(descriptor, "w" if descriptor else "r", closefd=False))
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        is_console = sys.platform == "win32" and stream.isatty()
        if stream is getattr(sys, f"__{name}__") and not is_console:
            stream.flush()
            outlet = io.BufferedWriter(_Outlet(stream.fileno()))
            safe = io.TextIOWrapper(
                outlet,
                encoding=stream.encoding,
                errors=_errors_of(stream),
                line_buffering=True,  # once a result's path can be read, the result is there
            )
            setattr(sys, name, safe)


def _errors_of(stream: TextIO) -> str | None:
    """What a stream makes of letters that its encoding lacks."""
    if sys.platform == "win32":  # where a pipe takes a few hundred letters by default
        return "backslashreplace"
    return "surrogateescape" if stream.errors == "strict" else stream.errors


def _open_nowhere(descriptor: int) -> None:
    """Connect a closed descriptor to the null device, for child processes as well."""
    nowhere = os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, usually this one
    if nowhere != descriptor:
        os.dup2(nowhere, descriptor)
        os.close(nowhere)
    os.set_inheritable(descriptor, True)


def lost_output() -> str | None:
    """Why printed text was lost; None if it was not, or if its reader went away."""
    sys.stdout.flush()
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    failure = raw.failure if isinstance(raw, _Outlet) else None
    return None if failure is None or failure.errno in _NO_READER else failure.strerror
