"""The files that videos come in and are written as, in ffmpeg's words."""

from dataclasses import dataclass

VIDEO_SUFFIXES = frozenset(
    [".3gp", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov"]
    + [".mp4", ".mpeg", ".mpg", ".mts", ".ogv", ".webm", ".wmv"]
)
"""Of files that are taken for videos."""

READABLE_FORMATS = ("asf", "avi", "flv", "matroska", "mov", "mpeg", "mpegts", "ogg")
"""What ffmpeg may take a file for: none that names other files, as playlists do."""


@dataclass(frozen=True)
class Container:
    """What a file of some suffix is made of."""

    muxer: str
    sounds: frozenset[str] | None
    """Codecs of sound that its usual players play; None for any that ffmpeg puts into it."""
    sound: str
    """The encoder for all other sound."""
    encoder: tuple[str, ...]
    worst: int
    """On the encoder's scale of quality, on which less is better."""

    def plays(self, codec: str) -> bool:
        """Whether sound of a codec, by ffmpeg's name for it, need not be encoded again."""
        return self.sounds is None or codec in self.sounds


# Measured on 100 grainy frames of 1280 x 720: x264 takes 0.6 of its default's time at "faster", and
# is at 44.4 dB of the source instead of 46.3; VP9 takes a twelfth of its default's in real time.
_X264 = ("libx264", "-preset", "faster")
_VP9 = ("libvpx-vp9", "-b:v", "0", "-deadline", "realtime", "-cpu-used", "6", "-row-mt", "1")
# In MP4 browsers play these. QuickTime plays more in its own files, and what an old camera or an
# editor wrote, uncompressed, stays as it is there. ffmpeg would put more into both.
_IN_MP4 = frozenset(["aac", "mp3", "opus", "flac"])
_IN_MOV = frozenset(
    ["aac", "mp3", "alac", "ac3", "eac3", "pcm_u8", "pcm_s8", "pcm_mulaw", "pcm_alaw"]
    + ["pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be", "pcm_s32le", "pcm_s32be"]
)
_IN_WEBM = frozenset(["opus", "vorbis"])
CONTAINERS = {
    ".mkv": Container("matroska", None, "aac", _X264, 51),
    ".mov": Container("mov", _IN_MOV, "aac", _X264, 51),
    ".mp4": Container("mp4", _IN_MP4, "aac", _X264, 51),
    ".webm": Container("webm", _IN_WEBM, "libopus", _VP9, 63),
}
"""By the endings, in lower case, that videos can be written with."""
WRITABLE_VIDEO_SUFFIXES = tuple(sorted(CONTAINERS))
