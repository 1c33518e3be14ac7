"""The file formats of videos that are read and written, by ffmpeg's names."""

import stat
from dataclasses import dataclass
from pathlib import Path

VIDEO_SUFFIXES = frozenset(
    [".mp4", ".m4v", ".mov", ".qt", ".3gp", ".3g2", ".3gpp", ".f4v", ".mj2"]
    + [".avi", ".divx", ".xvid", ".wmv", ".asf", ".dvr-ms", ".wtv", ".flv", ".rm", ".rmvb"]
    + [".mkv", ".mk3d", ".webm", ".ogv", ".ogm", ".ogx", ".ivf", ".nut", ".dv", ".dif"]
    + [".mpg", ".mpeg", ".mpe", ".m2p", ".vob", ".vro", ".mod", ".mxf", ".gxf"]
    + [".ts", ".tp", ".trp", ".mts", ".m2t", ".m2ts", ".tod"]
    + [".m1v", ".m2v", ".mpv", ".mjpeg", ".mjpg", ".h264", ".264", ".avc", ".h265", ".265"]
    + [".hevc", ".h266", ".266", ".vvc", ".obu", ".vc1", ".y4m"]
)
"""Suffixes that are taken for videos; the last two lines are for streams without a container."""

READABLE_FORMATS = (
    *("asf", "avi", "dv", "flv", "gxf", "ivf", "matroska", "mov", "mpeg", "mpegts", "mxf", "nut"),
    *("ogg", "rm", "wtv", "h264", "hevc", "m4v", "mjpeg", "mpegvideo", "obu", "vc1", "vvc"),
    "yuv4mpegpipe",
)
"""The formats that ffmpeg may read; playlists and others that name other files are left out."""

_SIGNATURES = (
    *((4, kind) for kind in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")),  # QuickTime
    (0, b"\x1a\x45\xdf\xa3"),  # Matroska
    (8, b"AVI "),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"),  # ASF
    (0, b"\xb7\xd8\x00\x20\x37\x49\xda\x11"),  # WTV
    (0, b"\x06\x0e\x2b\x34\x02\x05\x01\x01"),  # MXF
    *((0, name) for name in (b"FLV\x01", b"OggS", b".RMF", b"DKIF", b"YUV4MPEG2", b"nut/multi")),
    (0, b"\x1f\x07\x00"),  # DV
    (0, b"\x00\x00\x01\xba"),  # MPEG, a program stream
    (0, b"\x00\x00\x01\xb3"),  # and a stream of pictures
    *((0, b"\x00\x00\x00\x01" + kind) for kind in (b"\x67", b"\x27", b"\x09")),  # H.264
    (0, b"\x00\x00\x00\x01\x40\x01"),  # H.265
)
"""Bytes at the beginning of videos, each after its offset."""
_OF_PICTURES = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1", b"avif", b"avis")
_PACKET = 188  # bytes; in camcorders' files, a time of 4 bytes comes before each packet
_SYNC = 0x47


def is_video(path: Path) -> bool:
    """Whether a file is taken for a video, by its suffix, or else by how its content begins."""
    if path.suffix.lower() in VIDEO_SUFFIXES:
        return True
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would wait for its other end
            return False
        with path.open("rb") as file:
            head = file.read(3 * _PACKET)
    except OSError:  # reading the picture will report this
        return False
    return begins_as_video(head)


def begins_as_video(content: bytes) -> bool:
    """Whether the content of a file begins like a video's."""
    head = content[: 3 * _PACKET]
    brand = head[8:12]
    if head[4:8] == b"ftyp" and (len(brand) < 4 or brand in (*_OF_PICTURES, b"crx ")):
        return False
    known = any(head.startswith(mark, at) for at, mark in _SIGNATURES)
    return known or _is_transport_stream(head)


def _is_transport_stream(head: bytes) -> bool:
    steps = ((0, _PACKET), (4, _PACKET + 4))
    syncs = (head[first : first + 2 * step + 1 : step] for first, step in steps)
    return bytes([_SYNC] * 3) in syncs  # one may be any file that begins with a G, such as a GIF


@dataclass(frozen=True)
class Container:
    """How to write a video with a certain suffix."""

    muxer: str
    sounds: frozenset[str] | None
    """Codecs of sound that its usual players play; None for any that ffmpeg can put into it."""
    sound: str
    """The encoder for all other sound."""
    encoder: tuple[str, ...]
    worst: int
    """The worst value on the encoder's scale of quality, where less is better."""

    def plays(self, codec: str) -> bool:
        """Whether sound of this codec, by ffmpeg's name for it, can be copied."""
        return self.sounds is None or codec in self.sounds


# Measured on 100 grainy frames of 1280 x 720: at "faster", x264 takes 0.6 of its default's time and
# has 44.4 dB PSNR instead of 46.3; with "realtime", VP9 takes a twelfth of its default's time.
_X264 = ("libx264", "-preset", "faster")
_VP9 = ("libvpx-vp9", "-b:v", "0", "-deadline", "realtime", "-cpu-used", "6", "-row-mt", "1")
# Browsers play these in MP4. QuickTime plays more in its own files, so that uncompressed sound from
# an old camera or an editor stays as it is. ffmpeg could write more codecs into both.
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
"""By the suffixes, in lower case, that videos can be written with."""
WRITABLE_VIDEO_SUFFIXES = tuple(sorted(CONTAINERS))
