"""Reads the gray frames of a video file, and encodes coloured ones.

Frames come from ffmpeg as YUV4MPEG. Its header has the exact size, rate and pixel aspect of the
frames, after the file's rotation. imageio-ffmpeg's own generators take these, rounded, from the
log, and hide ffmpeg's exit code.
"""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from io import BufferedIOBase
from pathlib import Path

import cv2
import numpy as np

from colorgan.errors import UserError
from colorgan.photos.containers import Container
from colorgan.photos.films.ffmpeg import Contents, in_step, input_of, running_ffmpeg, unwritable

_QUALITY = 66  # a constant rate factor of 18 for x264: hardly distinguishable from the original
# HDR's light, in which 1 is its white of 203 cd/m2 (ITU-R BT.2408), becomes BT.709's as a screen
# shows it. Below 0.3 it stays as it is; above, everything up to 1,000 cd/m2 is compressed to fit.
_TONE_MAP = (
    "zscale=transfer=linear:npl=203,format=gbrpf32le,zscale=primaries=bt709,"
    "tonemap=mobius:desat=0:peak=5,zscale=transfer=bt709:matrix=bt709:range=full"
)
# Frames marked as interlaced keep the lines of one field; those in between are interpolated.
_DEINTERLACE = "bwdif=mode=send_frame:deint=interlaced"
_HIGHEST_RATE = 240  # frames/s of phones' slow motion; more is a clock's tick, mistaken for a rate


class Frames:
    """The gray frames of a video, `(h, w)` uint8 in full range, one after the other.

    Attributes:
        width, height: in pixels.
        rate: frames per second.
        aspect: a pixel's width / height.
        count: how many frames were read.
        damaged: whether ffmpeg reported problems; known once all are read.
    """

    def __init__(
        self, child: subprocess.Popen[bytes], stream: BufferedIOBase, log: Callable[[], str]
    ) -> None:
        """Read the header; ValueError if there is none."""
        self._child, self._stream, self._log = child, stream, log
        marks = stream.readline().decode(errors="replace").split()
        if marks[:1] != ["YUV4MPEG2"]:
            raise ValueError("has no YUV4MPEG header")
        fields = {mark[0]: mark[1:].replace(":", "/") for mark in marks[1:]}
        self.width, self.height = int(fields["W"]), int(fields["H"])
        self.rate = Fraction(fields["F"])
        known = not fields["A"].startswith("0")
        self.aspect = Fraction(fields["A"]) if known else Fraction(1)
        self.count, self.damaged = 0, False

    def __iter__(self) -> Iterator[np.ndarray]:
        while self._stream.readline():  # "FRAME"
            gray = np.empty((self.height, self.width), np.uint8)
            if self._stream.readinto(gray.data) < gray.size:
                break
            self.count += 1
            yield gray
        self.damaged = self._child.wait() != 0 or bool(self._log())


@contextmanager
def open_frames(source: Path, contents: Contents, max_pixels: int) -> Iterator[Frames]:
    """Begin to decode a video; UserError if that fails, or its frames are too large."""
    decoder = ("-max_pixels", min(max_pixels, 2**31 - 1), *input_of(source))
    # V leaves out pictures that are attached to the file, such as covers.
    stream = ("-map", "0:V:0", "-fps_mode", "cfr", "-fpsmax", _HIGHEST_RATE)
    y4m = ("-vf", _gray(contents.hdr), "-strict", "-1", "-f", "yuv4mpegpipe", "pipe:1")
    sound = in_step("0:a") if contents.sounds else ()
    arguments = ("-v", "error", *decoder, *stream, *y4m, *sound)
    with running_ffmpeg(*arguments, stdout=subprocess.PIPE) as (child, (stdout,), log):
        try:
            frames = Frames(child, stdout, log)
        except ValueError:
            child.wait()
            if "max pixel count" in log():
                raise UserError(
                    f"{source}: its frames have more than {max_pixels / 1e6:g} megapixels; "
                    "scale it down, or raise the limit"
                ) from None
            raise no_video_in(source) from None
        yield frames


def _gray(hdr: tuple[str, str] | None) -> str:
    """The filters that turn decoded frames into the gray that a player shows."""
    filters = ["format=gray", _DEINTERLACE]
    if hdr is not None:
        # zscale does not guess; HDR without the information is taken to be BT.2020.
        matrix, primaries = hdr
        guesses = ["colorspace=bt2020nc"] if matrix == "unknown" else []
        guesses += ["color_primaries=bt2020"] if primaries == "unknown" else []
        known = [f"setparams={':'.join(guesses)}"] if guesses else []
        filters = [*known, _TONE_MAP, *filters]
    return ",".join(filters)


@contextmanager
def open_encoder(
    path: Path, frames: Frames, container: Container, quality: int | None, target: Path
) -> Iterator[Callable[[np.ndarray], None]]:
    """Encode a part of a video; yields a function to call with each frame, BGR `(h, w, 3)`.

    The part is an MP4, in which times are exact. At the end of the block it is complete. UserError,
    which names the target, if it cannot be written.
    """
    beyond = frames.height % 2, frames.width % 2
    size = f"{frames.width + beyond[1]}x{frames.height + beyond[0]}"
    raw = ("-f", "rawvideo", "-pix_fmt", "bgr24", "-s", size, "-r", frames.rate, "-i", "pipe:0")
    # Without accurate rounding, swscale makes gray greenish, and half a level darker. The primaries
    # and curve are sRGB's, as in CelebA's photos and nearly all others.
    filters = (
        "scale=out_color_matrix=bt601:out_range=tv:flags=accurate_rnd,"
        "setparams=colorspace=smpte170m:color_primaries=bt709:color_trc=bt709,"
        f"setsar={frames.aspect}"
    )
    factor = round(container.worst - (quality or _QUALITY) / 2)
    encoder = ("-c:v", *container.encoder, "-crf", factor, "-pix_fmt", "yuv420p")
    arguments = ("-v", "error", *raw, "-vf", filters, *encoder, "-f", "mp4", f"file:{path}")
    with running_ffmpeg(*arguments, stdin=subprocess.PIPE) as (child, (stdin,), log):

        def gave_up() -> UserError:
            child.wait()
            return unwritable(target, log())

        def write(bgr: np.ndarray) -> None:
            if any(beyond):
                bgr = cv2.copyMakeBorder(bgr, 0, beyond[0], 0, beyond[1], cv2.BORDER_REPLICATE)
            try:
                stdin.write(np.ascontiguousarray(bgr).data)
            except BrokenPipeError:
                raise gave_up() from None

        yield write
        try:
            stdin.close()
        except BrokenPipeError:
            raise gave_up() from None
        if child.wait():
            raise gave_up()


def no_video_in(source: Path) -> UserError:
    """The error for a file without a frame that can be decoded."""
    return UserError(f"{source}: no video that can be decoded; damaged, or not a video file")
