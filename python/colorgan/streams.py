"""Standard input, output and error, whatever a shell made of them: closed, full, or read no more.

The files that a command writes are what it is for, and what it prints is by the way: a reader that
goes away (`| head -1`) ends no work, and is not told of. A full disk ends no work either, but is
told at the end. A closed stream is one that nobody wants.
"""

import errno
import io
import os
import sys


class _Outlet(io.FileIO):
    """Standard output or error: from the first write that fails, all goes nowhere."""

    failure: OSError | None = None

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor, "w", closefd=False)

    def write(self, content: bytes | memoryview) -> int | None:
        try:
            return super().write(content)
        except OSError as error:
            self.failure = error
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())  # for the libraries and programs that write there, too
            os.close(nowhere)
            return memoryview(content).nbytes


def make_safe() -> None:
    """Have no later reading or printing fail, or end up in a file that has a closed one's number.

    Names of files that are not UTF-8 are printed as the bytes that they are, in any locale. Streams
    that the caller put in place of the process's own are left alone.
    """
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, f"__{name}__") is None:
            _open_nowhere(descriptor)
            if getattr(sys, name) is None:
                setattr(sys, name, os.fdopen(descriptor, "w" if descriptor else "r", closefd=False))
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is getattr(sys, f"__{name}__"):
            stream.flush()
            outlet = io.BufferedWriter(_Outlet(stream.fileno()))
            safe = io.TextIOWrapper(
                outlet,
                encoding=stream.encoding,
                errors="surrogateescape" if stream.errors == "strict" else stream.errors,
                line_buffering=True,  # whoever reads a result's path can take the result
            )
            setattr(sys, name, safe)


def _open_nowhere(descriptor: int) -> None:
    """Give a closed descriptor to the null device, for child processes as well."""
    nowhere = os.open(os.devnull, os.O_RDWR)  # the lowest that is free: most often this very one
    if nowhere != descriptor:
        os.dup2(nowhere, descriptor)
        os.close(nowhere)
    os.set_inheritable(descriptor, True)


def lost_output() -> str | None:
    """Why what was printed did not arrive; None where it did, or where its reader went away."""
    sys.stdout.flush()
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    failure = raw.failure if isinstance(raw, _Outlet) else None
    return None if failure is None or failure.errno == errno.EPIPE else failure.strerror
