"""Runs ffmpeg, whose binary comes in the package imageio-ffmpeg, and asks it what a file holds.

ffmpeg decodes and encodes in processes of its own. PyAV 18.1.0 was tried instead of pipes. For 100
grainy frames of 1280 x 720, decoding and encoding took 14.9 to 17.1 s of processor time, compared
to 14.2 to 16.0 s here, and it takes 103 MB of disk instead of 165 MB. We do not use it: it is no
faster, and turning frames upright, keeping the rate constant and falling back on other sound, which
are options of ffmpeg, would need code of our own.

Files are untrusted, so ffmpeg may open no other file and no network, and reads no playlists.
"""

import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path
from typing import Any, BinaryIO

import imageio_ffmpeg

from colorgan.errors import UserError
from colorgan.photos.containers import READABLE_FORMATS, Container

_ONLY_THIS_FILE = (
    *("-protocol_whitelist", "file"),
    *("-format_whitelist", ",".join(READABLE_FORMATS)),
)
# What keeps Ctrl-C in a terminal from a child.
_ON_ITS_OWN: dict[str, Any]
if sys.platform == "win32":
    _ON_ITS_OWN = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
else:
    _ON_ITS_OWN = {"process_group": 0}


@contextmanager
def running_ffmpeg(
    *arguments: object, stdin: int = subprocess.DEVNULL, stdout: int = subprocess.DEVNULL
) -> Iterator[tuple[subprocess.Popen[bytes], list[BufferedIOBase], Callable[[], str]]]:
    """Run ffmpeg while the block lasts; yields the process, its pipes, and a reader of its log.

    The pipes are those asked for: by `stdin`, `stdout` or both.

    However the block ends, the process ends with it. Ctrl-C in a terminal does not reach ffmpeg,
    since it would finish its streams as if they were complete.
    """
    try:
        program = imageio_ffmpeg.get_ffmpeg_exe()
    except RuntimeError:
        raise UserError("imageio-ffmpeg has no ffmpeg for this system; install ffmpeg") from None
    words = [program, "-nostdin", "-hide_banner", *map(str, arguments)]
    with tempfile.TemporaryFile() as log:
        child = subprocess.Popen(words, stdin=stdin, stdout=stdout, stderr=log, **_ON_ITS_OWN)
        # Of which Popen's hints do not say that they are buffered.
        pipes: list[Any] = [pipe for pipe in (child.stdin, child.stdout) if pipe]
        try:
            yield child, pipes, lambda: _text(log)
        finally:
            child.kill()  # does nothing if it has ended
            for pipe in pipes:
                with suppress(OSError):  # nobody reads what was still in it
                    pipe.close()
            child.wait()


def _text(log: BinaryIO) -> str:
    log.seek(0)
    return log.read().decode(errors="replace")


def run_ffmpeg(*arguments: object) -> tuple[bool, str]:
    """Run ffmpeg to its end; returns whether it succeeded, and its log."""
    with running_ffmpeg(*arguments) as (child, _, log):
        return child.wait() == 0, log()


def ffmpeg_version() -> str:
    """The version of ffmpeg; another one may give other bits."""
    return imageio_ffmpeg.get_ffmpeg_version()


def unwritable(target: Path, log: str) -> UserError:
    """The error for a file that ffmpeg could not write, given its log."""
    full = "No space left on device"
    return UserError(f"cannot write {target}: {full if full in log else 'the encoder gave up'}")


def input_of(source: Path) -> tuple[str, ...]:
    """The arguments that make an untrusted file an input."""
    # With its protocol, since a name may begin with a hyphen or contain a colon.
    return (*_ONLY_THIS_FILE, "-i", f"file:{source}")


def output_of(container: Container, path: Path) -> tuple[object, ...]:
    """The arguments that make a file in a container the output."""
    # The index comes first, so that the video plays while it is still loading.
    index = ("-movflags", "+faststart") if container.muxer in ("mov", "mp4") else ()
    return (*index, "-f", container.muxer, f"file:{path}")


def in_step(stream: str) -> tuple[str, ...]:
    """The arguments that make ffmpeg read another stream, too, without writing it.

    Picture and sound are read by two calls. In files from broadcasts and DVDs, time begins with the
    first stream that is read, and ffmpeg mends jumps. So both calls have to read both streams.
    """
    return ("-map", stream, "-c", "copy", "-f", "null", "-")


@dataclass(frozen=True)
class Contents:
    """What a file holds, according to ffmpeg."""

    seconds: float
    """0 if unknown."""
    sounds: dict[int, str]
    """The codec of each track of sound, by the stream's number."""
    hdr: tuple[str, str] | None
    """Matrix and primaries of a picture in PQ or HLG, each "unknown" if the file does not say."""


def contents_of(source: Path) -> Contents:
    """Ask ffmpeg what a file holds; nothing if it cannot open the file."""
    _, log = run_ffmpeg(*input_of(source))
    length = re.search(r"^  Duration: (\d+):(\d\d):(\d\d\.\d+)", log, re.MULTILINE)
    hours, minutes, seconds = map(float, length.groups()) if length else (0, 0, 0)
    tracks = re.findall(r"^  Stream #0:(\d+).*?: Audio: (\w+)", log, re.MULTILINE)
    sounds = {int(number): codec for number, codec in tracks}
    # yuv420p10le(tv, bt2020nc/bt2020/smpte2084)
    found = re.search(r": Video: .*[( ](\w+)/(\w+)/(?:smpte2084|arib-std-b67)\b", log)
    hdr = (found[1], found[2]) if found else None
    return Contents(hours * 3600 + minutes * 60 + seconds, sounds, hdr)
