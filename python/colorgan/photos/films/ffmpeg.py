"""Runs ffmpeg, whose binary comes in the package imageio-ffmpeg, and asks it what a file holds.

ffmpeg decodes and encodes in processes of its own. PyAV 18.1.0 was tried in place of the pipes. To
decode and encode 100 grainy frames of 1280 x 720 takes it 14.9 to 17.1 s of the processor, against
14.2 to 16.0 s here, and it takes 103 MB of disk, against 165 MB. It is left out: it is no faster,
and turning frames upright, keeping the rate constant and falling back on other sound, each an
option of ffmpeg's, would be our own code.

Files are untrusted: ffmpeg may open no other file and no network, and takes no playlists.
"""

import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import imageio_ffmpeg

from colorgan.errors import UserError
from colorgan.photos.containers import READABLE_FORMATS, Container

_ONLY_THIS_FILE = (
    *("-protocol_whitelist", "file"),
    *("-format_whitelist", ",".join(READABLE_FORMATS)),
)


@contextmanager
def running_ffmpeg(
    *arguments: object, **pipes: int
) -> Iterator[tuple[subprocess.Popen[bytes], Callable[[], str]]]:
    """Run ffmpeg while the block lasts; gives the process, and a function that reads its log.

    Whatever ends the block, the process ends with it. Ctrl-C in a terminal does not reach ffmpeg,
    or it would end streams as if they were complete.
    """
    try:
        program = imageio_ffmpeg.get_ffmpeg_exe()
    except RuntimeError:
        raise UserError("imageio-ffmpeg brings no ffmpeg for this system; install one") from None
    words = [program, "-nostdin", "-hide_banner", *map(str, arguments)]
    with tempfile.TemporaryFile() as log:
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, **pipes}
        child = subprocess.Popen(words, stderr=log, process_group=0, **streams)
        try:
            yield child, lambda: _text(log)
        finally:
            child.kill()  # does nothing to one that has ended
            for pipe in filter(None, (child.stdin, child.stdout)):
                with suppress(OSError):  # what it held has no reader
                    pipe.close()
            child.wait()


def _text(log: BinaryIO) -> str:
    log.seek(0)
    return log.read().decode(errors="replace")


def run_ffmpeg(*arguments: object) -> tuple[bool, str]:
    """Run ffmpeg to its end: whether it did what it should, and its log."""
    with running_ffmpeg(*arguments) as (child, log):
        return child.wait() == 0, log()


def ffmpeg_version() -> str:
    """Which ffmpeg there is: with another one, bits may differ."""
    return imageio_ffmpeg.get_ffmpeg_version()


def unwritable(target: Path, log: str) -> UserError:
    """What to say where ffmpeg, whose log this is, could not write a file."""
    full = "No space left on device"
    return UserError(f"cannot write {target}: {full if full in log else 'the encoder gave up'}")


def input_of(source: Path) -> tuple[str, ...]:
    """The words that make an untrusted file an input."""
    # By its protocol: a name may begin with a hyphen, or hold a colon.
    return (*_ONLY_THIS_FILE, "-i", f"file:{source}")


def output_of(container: Container, path: Path) -> tuple[object, ...]:
    """The words that make a file of some container the output."""
    # The index first, so that the video plays while it is still being fetched.
    index = ("-movflags", "+faststart") if container.muxer in ("mov", "mp4") else ()
    return (*index, "-f", container.muxer, f"file:{path}")


def in_step(stream: str) -> tuple[str, ...]:
    """The words that have ffmpeg read a stream, too, and write it nowhere.

    Picture and sound are read by two calls. In streams as of broadcasts and DVDs time begins with
    the first stream that is read, and is mended where it jumps: both calls have to read both.
    """
    return ("-map", stream, "-c", "copy", "-f", "null", "-")


@dataclass(frozen=True)
class Contents:
    """What ffmpeg says that a file holds."""

    seconds: float
    """0 where it does not tell."""
    sounds: dict[int, str]
    """The codec of each track of sound, by the stream's number."""
    hdr: tuple[str, str] | None
    """Matrix and primaries, "unknown" where it does not tell, of a picture in PQ or HLG."""


def contents_of(source: Path) -> Contents:
    """Ask ffmpeg what a file holds; nothing of one that it cannot open."""
    _, log = run_ffmpeg(*input_of(source))
    length = re.search(r"^  Duration: (\d+):(\d\d):(\d\d\.\d+)", log, re.MULTILINE)
    hours, minutes, seconds = map(float, length.groups()) if length else (0, 0, 0)
    tracks = re.findall(r"^  Stream #0:(\d+).*?: Audio: (\w+)", log, re.MULTILINE)
    sounds = {int(number): codec for number, codec in tracks}
    # yuv420p10le(tv, bt2020nc/bt2020/smpte2084)
    hdr = re.search(r": Video: .*[( ](\w+)/(\w+)/(?:smpte2084|arib-std-b67)\b", log)
    return Contents(hours * 3600 + minutes * 60 + seconds, sounds, hdr and hdr.groups())
