"""Writes coloured pictures, with the metadata of their source, whole or not at all.

OpenCV encodes JPEG, PNG and TIFF. It is faster than Pillow, which cannot write TIFF of 16 bits.
OpenCV itself writes little metadata: EXIF, XMP and a profile into JPEG and PNG, but no IPTC,
resolution or text, and nothing into TIFF. So all metadata is put in here, in the same way
everywhere: as a few blocks between a file's head and its pixels.
"""

import io
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from colorgan.errors import UserError
from colorgan.files import set_modified, write_whole
from colorgan.luminance import eight_bits, in_unit_range
from colorgan.photos.pictures import exif as tag
from colorgan.photos.pictures.exif import BYTE, UNDEFINED, Exif, Field
from colorgan.photos.pictures.metadata import Metadata

WRITABLE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp")
"""The suffixes, in lower case, of the formats that `write_picture` writes."""

_JPEG_QUALITY = 95
_LONGEST_SIDE = {".jpg": 65500, ".jpeg": 65500, ".webp": 16383}
# The fastest of OpenCV's and Pillow's filters, strategies and levels that keeps gray areas, where
# the three channels are equal, small.
_PNG = (cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_AVG)
_TIFF = (cv2.IMWRITE_TIFF_COMPRESSION, 5, cv2.IMWRITE_TIFF_PREDICTOR, 2)  # LZW of differences
_PROFILE_PIECE = 65519  # bytes of a profile in one segment of a JPEG
_NOTHING = Metadata()


def write_picture(
    path: Path,
    bgr: np.ndarray,
    alpha: np.ndarray | None,
    quality: int | None = None,
    metadata: Metadata = _NOTHING,
) -> None:
    """Write a picture in the format of the path's suffix, whole or not at all.

    The file gets the time of its source; see `encode_picture`. `UserError` if it cannot be written.
    """
    try:
        content = encode_picture(bgr, alpha, path.suffix, quality, metadata)
    except UserError as error:
        raise UserError(f"cannot write {path}: {error}") from None
    write_whole(path, content)
    if metadata.modified is not None:
        set_modified(path, metadata.modified)


def encode_picture(
    bgr: np.ndarray,
    alpha: np.ndarray | None,
    suffix: str,
    quality: int | None = None,
    metadata: Metadata = _NOTHING,
) -> bytes:
    """Encode BGR `(h, w, 3)` and alpha `(h, w)`, uint8 or uint16, in the format of `suffix`.

    PNG and TIFF hold everything without loss. JPEG and WebP are rounded to 8 bits, and JPEG has no
    alpha, so the picture is laid on white. `quality`, 1 to 100, is that of JPEG (95 if None) and of
    WebP (lossless if None). `metadata` is the source's; WebP holds no IPTC. Raises `UserError` for
    another suffix, and for a picture larger than the format can hold.
    """
    suffix = suffix.lower()
    if suffix not in WRITABLE_SUFFIXES:
        problem = f"unknown suffix {suffix}" if suffix else "no suffix"
        raise UserError(f"{problem}; use {', '.join(WRITABLE_SUFFIXES)}")
    longest = _LONGEST_SIDE.get(suffix)
    if longest is not None and max(bgr.shape) > longest:
        raise UserError(f"{suffix} holds at most {longest:,} pixels a side; use .png or .tif")
    if suffix in (".jpg", ".jpeg"):
        options = (cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY if quality is None else quality)
        return _jpeg(_encoded(".jpg", _on_white(bgr, alpha), options), bgr, metadata)
    pixels = bgr if alpha is None else cv2.merge([*cv2.split(bgr), alpha])
    if suffix == ".webp":
        return _webp(eight_bits(pixels), quality, metadata)
    if suffix == ".png":
        return _png(_encoded(suffix, pixels, _PNG), bgr, metadata)
    return _tiff(_encoded(suffix, pixels, _TIFF), bgr, metadata)


def _encoded(suffix: str, pixels: np.ndarray, options: tuple[int, ...]) -> memoryview:
    return memoryview(cv2.imencode(suffix, pixels, options)[1]).cast("B")


def _on_white(bgr: np.ndarray, alpha: np.ndarray | None) -> np.ndarray:
    if alpha is None:
        return eight_bits(bgr)
    opacity = in_unit_range(alpha)
    white = np.full(bgr.shape, 255, np.uint8)
    return cv2.blendLinear(eight_bits(bgr), white, opacity, 1 - opacity)


# ----------------------------------------------------------------------------- metadata, by format


def _jpeg(content: memoryview, bgr: np.ndarray, metadata: Metadata) -> bytes:
    """Put segments after the first, which is JFIF's and holds the resolution."""
    head = bytearray(content[:20])
    if metadata.dpi:
        struct.pack_into(">BHH", head, 13, 1, *(min(round(dpi), 65535) for dpi in metadata.dpi))
    segments = (
        struct.pack(">BBH", 0xFF, kind, len(body) + 2) + body
        for kind, body in _segments(bgr, metadata)
    )
    return b"".join([head, *segments, content[20:]])


def _segments(bgr: np.ndarray, metadata: Metadata) -> Iterator[tuple[int, bytes]]:
    height, width = bgr.shape[:2]
    texts = {word: text for word, text in metadata.texts.items() if word != "Comment"}
    exif = metadata.exif_for(width, height, texts)
    if exif:
        yield 0xE1, b"Exif\0\0" + exif.block()
    xmp = metadata.xmp_for(width, height)
    if xmp:
        yield 0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp
    if metadata.profile:
        starts = range(0, len(metadata.profile), _PROFILE_PIECE)
        for number, start in enumerate(starts, 1):
            piece = metadata.profile[start : start + _PROFILE_PIECE]
            yield 0xE2, b"ICC_PROFILE\0" + bytes([number, len(starts)]) + piece
    if metadata.iptc:
        yield 0xED, b"Photoshop 3.0\0" + _resource(metadata.iptc)
    if "Comment" in metadata.texts:
        yield 0xFE, metadata.texts["Comment"].encode()


def _resource(iptc: bytes) -> bytes:
    """IPTC in a Photoshop block, which is where programs look for it."""
    return b"8BIM\4\4\0\0" + struct.pack(">I", len(iptc)) + iptc + bytes(len(iptc) % 2)


def _png(content: memoryview, bgr: np.ndarray, metadata: Metadata) -> bytes:
    """Put chunks after the first, which is the header."""
    chunks = (
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in _chunks(bgr, metadata)
    )
    return b"".join([content[:33], *chunks, content[33:]])


def _chunks(bgr: np.ndarray, metadata: Metadata) -> Iterator[tuple[bytes, bytes]]:
    height, width = bgr.shape[:2]
    if metadata.profile:
        yield b"iCCP", b"ICC profile\0\0" + zlib.compress(metadata.profile)
    if metadata.dpi:
        per_meter = (round(dpi / 0.0254) for dpi in metadata.dpi)
        yield b"pHYs", struct.pack(">IIB", *per_meter, 1)
    exif = metadata.exif_for(width, height, {})
    if exif:
        yield b"eXIf", exif.block()
    xmp = metadata.xmp_for(width, height)
    if xmp:
        yield b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp
    if metadata.iptc:
        digits = _resource(metadata.iptc).hex()
        lines = [digits[start : start + 72] for start in range(0, len(digits), 72)]
        text = "\n".join(["", "iptc", f"{len(digits) // 2:8}", *lines, ""])
        yield b"zTXt", b"Raw profile type iptc\0\0" + zlib.compress(text.encode())
    for word, text in metadata.texts.items():
        key = word.encode("latin-1", "replace")[:79]
        yield b"iTXt", key + b"\0\0\0\0\0" + text.encode()


def _tiff(content: memoryview, bgr: np.ndarray, metadata: Metadata) -> bytes:
    """Append a directory with more tags, which takes the place of the file's own."""
    height, width = bgr.shape[:2]
    added = (metadata.exif_for(width, height, metadata.texts) or Exif("<", {})).in_order("<").tags
    xmp = metadata.xmp_for(width, height)
    added |= {tag.XMP: Field(BYTE, xmp)} if xmp else {}
    blocks = ((tag.IPTC, metadata.iptc), (tag.PROFILE, metadata.profile))
    added |= {name: Field(UNDEFINED, block) for name, block in blocks if block}
    if not added:
        return content.tobytes()
    end = len(content) + len(content) % 2
    own = Exif.read(content, most=len(content))
    directory = own.with_tags(added).placed(end)
    head = b"II*\0" + struct.pack("<I", end)
    return b"".join([head, content[8:], bytes(end - len(content)), directory])


def _webp(pixels: np.ndarray, quality: int | None, metadata: Metadata) -> bytes:
    """Encode with Pillow; OpenCV takes three times as long, and drops clear pixels' colour."""
    order = cv2.COLOR_BGR2RGB if pixels.shape[2] == 3 else cv2.COLOR_BGRA2RGBA
    image = Image.fromarray(cv2.cvtColor(pixels, order))
    exif = metadata.exif_for(*image.size, metadata.texts)
    blocks = {
        "exif": exif.block() if exif else b"",
        "xmp": metadata.xmp_for(*image.size) or b"",
        "icc_profile": metadata.profile or b"",
    }
    content = io.BytesIO()
    if quality is None:  # in lossless files, these only set the effort to make them small
        image.save(content, "WEBP", lossless=True, exact=True, quality=0, method=1, **blocks)
    else:
        image.save(content, "WEBP", quality=quality, method=2, **blocks)
    return content.getvalue()
