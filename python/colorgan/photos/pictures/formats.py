"""The formats that are read, and which library decodes what.

Pillow reads the header, which decides whether anything is decoded at all. It also decodes the
pixels, except where OpenCV is better: JPEG (in half the time), and levels of more than 8 bits, of
which Pillow keeps only 8 for colours. HEIC is decoded by pi-heif, which is pillow-heif without the
encoder: 4 MB instead of 26.

Not read, each with a message that says what to do:
- Rare kinds of TIFF. Of 25 odd ones, 16 are read here; tifffile 2026.3.3 with imagecodecs 2026.3.6
  reads all, but takes another 81 MB, for kinds that scanners seldom write.
- PDF. pypdfium2 (4 MB to fetch) would render a scan at a new resolution, and a result could only
  hold the first page. Programs that save a PDF's pages as pictures keep the scan as it is.
- Cameras' raw photographs, which need developing: in many of them, Pillow only finds a small
  preview.
"""

import io
import struct
from contextlib import suppress
from dataclasses import dataclass, replace

import cv2
import numpy as np
import pi_heif

# Without these imports, Pillow would load all of its plug-ins, such as the one for EPS.
from PIL import (  # noqa: F401
    AvifImagePlugin,
    ExifTags,
    IcoImagePlugin,
    Image,
    ImageFile,
    Jpeg2KImagePlugin,
    PcxImagePlugin,
    PsdImagePlugin,
    TgaImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from colorgan.errors import UserError
from colorgan.photos.containers import begins_as_video
from colorgan.photos.pictures.exif import SIGNATURES
from colorgan.photos.pictures.metadata import (
    Blocks,
    blocks_of,
    blocks_of_heif,
    blocks_of_jpeg_2000,
    blocks_of_tiff,
)
from colorgan.photos.pictures.tiff import (
    RAW,
    TiffHeader,
    TooLargeError,
    at_full_range,
    past_previews,
)

READABLE_SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".tif", ".tiff", ".webp", ".bmp", ".gif"),
    *(".heic", ".heif", ".hif", ".avif", ".jp2", ".j2k", ".j2c", ".jpx", ".jpf", ".psd"),
    *(".tga", ".pcx", ".ico", ".pbm", ".pgm", ".ppm", ".pnm"),
)
"""Suffixes, in lower case, of the files that are taken from a folder; `decode` itself only looks at
the content."""

_FORMATS = (
    *("JPEG", "PNG", "TIFF", "WEBP", "BMP", "GIF", "PPM"),
    *("AVIF", "JPEG2000", "PSD", "ICO", "PCX", "TGA"),
)
_CODESTREAM = b"\xff\x4f\xff\x51"  # of JPEG 2000, in a file or on its own
_SIGNATURES = (
    *(b"\xff\xd8\xff", b"\x89PNG", b"II", b"MM", b"RIFF", b"BM", b"GIF8", b"P", b"8BPS"),
    *(b"\0\0\0\x0cjP  ", _CODESTREAM, b"\0\0\1\0", b"\n\5\1"),
)
_HEIF_BRANDS = {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"}
_SUFFIXES = {
    **{"JPEG": ".jpg", "MPO": ".jpg", "TIFF": ".tif", "WEBP": ".webp"},
    **{"HEIF": ".jpg", "AVIF": ".jpg", "JPEG2000": ".jpg"},
}
_WEB_PAGES = (b"<!DOCTYPE html", b"<!doctype html", b"<html", b"<HTML")
_NOT_READ = (
    (b"%PDF", "a PDF, which is not read: save its pages as pictures first"),
    (b"PK\3\4", "a zip archive or a document, which is not read: extract its pictures first"),
    (b"\xff\x0a", "a JPEG XL, which is not read: save it as a PNG"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL, which is not read: save it as a PNG"),
    *((start, "a web page, not a picture: download the picture itself") for start in _WEB_PAGES),
    (b"<svg", "a drawing (SVG), not a picture that can be read: save it as a PNG"),
    *((start, RAW) for start in (b"FUJIFILMCCD-RAW", b"IIU\0", b"IIRO", b"IIRS", b"MMOR", b"FOVb")),
)


@dataclass(frozen=True)
class Decoded:
    """The first picture of a file, as its library decodes it."""

    pixels: np.ndarray
    """Gray `(h, w)`, or gray and alpha, BGR, BGRA `(h, w, 2 to 4)`; uint8 or uint16."""
    orientation: int
    """The EXIF orientation by which `pixels` still have to be turned."""
    frames: int
    suffix: str
    blocks: Blocks
    bits: int | None = None
    """Bits of the file's levels, before they were stretched; None if the file does not say."""


def decode(content: bytes, max_pixels: int) -> Decoded:
    """Decode the first frame that is no preview; damaged content may raise any exception."""
    header: TiffHeader | None = None
    if content.startswith(SIGNATURES):
        if TiffHeader.read(content).is_raw(content):
            raise UserError(RAW)
        content = past_previews(content)
        header = TiffHeader.read(content)
        header.check(max_pixels)
        if header.has_unread_planes() or header.is_signed():
            raise ValueError("planes or levels that no library here reads")
        if header.is_deep():
            pixels, blocks = header.deep_pixels(content), blocks_of_tiff(content)
            return Decoded(pixels, 1, header.pages, ".tif", blocks, header.bits)
    if _brands(content) & _HEIF_BRANDS:
        return _decode_heif(content, max_pixels)
    with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
        is_tiff = image.format == "TIFF"
        if image.format == "TGA" and not _is_whole_tga(content):
            raise ValueError("only looks like a TGA at its beginning")
        frames = header.pages if header else _frame_count(image)
        bits = _bits_of_deep_color(content, image)
        by_opencv = bits is not None or _is_plain_jpeg(image)
        pixels = _opencv_pixels(content, image) if by_opencv else _pillow_pixels(image)
        blocks = blocks_of_tiff(content) if is_tiff else _blocks(image, content)
        # Both libraries turn TIFFs upright themselves, but nothing else.
        orientation = 1 if is_tiff else _orientation(image)
        if bits is not None:
            pixels = at_full_range(pixels, bits)
        suffix = _suffix(image.format, pixels)
        return Decoded(pixels, orientation, frames, suffix, blocks, bits)


def _decode_heif(content: bytes, max_pixels: int) -> Decoded:
    """Decode a HEIC with libheif, which turns it upright; EXIF's orientation no longer applies."""
    file = pi_heif.open_heif(content, False, bgr_mode=True, hdr_to_16bit=False)
    if file.size[0] * file.size[1] > max_pixels:
        raise TooLargeError
    pixels, bits = np.array(file), file.info["bit_depth"]
    if bits > 8:
        pixels = at_full_range(pixels, bits)
    return Decoded(pixels, 1, len(file), _suffix("HEIF", pixels), blocks_of_heif(file.info), bits)


def _suffix(format_name: str | None, pixels: np.ndarray) -> str:
    """The writable suffix nearest to a format; a JPEG's only if JPEG can hold the pixels."""
    suffix = _SUFFIXES.get(format_name or "", ".png")
    opaque = pixels.ndim == 2 or pixels.shape[2] == 3
    return suffix if suffix != ".jpg" or (opaque and pixels.dtype == np.uint8) else ".png"


def _is_plain_jpeg(image: Image.Image) -> bool:
    return image.format in ("JPEG", "MPO") and image.mode in ("L", "RGB")


def _frame_count(image: Image.Image) -> int:
    """Frames of the file; 1 for a JPEG with further pictures in it, such as previews."""
    is_animated = image.format != "MPO" and getattr(image, "is_animated", False)
    return getattr(image, "n_frames", 1) if is_animated else 1


def _bits_of_deep_color(content: bytes, image: ImageFile.ImageFile) -> int | None:
    """Bits of a sample if Pillow would keep only 8 of them; None if it keeps all."""
    if image.format == "JPEG2000":  # gray, too, as Pillow's levels have gaps
        bits = (content[content.index(_CODESTREAM) + 42] & 127) + 1
        return bits if bits > 8 and image.mode != "LA" else None
    if image.format == "AVIF":  # the head of its stream says so
        flags = content[content.index(b"av1C") + 6]
        return 12 if flags & 0x20 else 10 if flags & 0x40 else None
    if image.mode not in ("RGB", "RGBX", "RGBA"):
        return None
    if image.format == "PNG":
        return 16 if content[24] == 16 else None  # IHDR is always first
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        deep = set(image.tag_v2.get(TiffImagePlugin.BITSPERSAMPLE, ())) == {16}
        return 16 if deep else None
    if image.format == "PPM":
        args = image.tile[0].args  # a mode, and the highest level where that is not 255
        return 16 if isinstance(args, tuple) and args[-1] == 65535 else None
    return None


def _opencv_pixels(content: bytes, image: Image.Image) -> np.ndarray:
    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.shape[1::-1] != image.size:
        raise ValueError("OpenCV cannot decode it")
    return pixels[..., :3] if image.mode == "RGBX" else pixels


_DECODED_AS = {
    **{"1": "L", "L": "L", "LA": "LA", "La": "LA", "RGB": "RGB", "RGBX": "RGB", "RGBA": "RGBA"},
    **{"RGBa": "RGBA", "P": "RGB", "PA": "RGBA", "CMYK": "RGB"},
}
_WITH_ALPHA = {"L": "LA", "LA": "LA", "RGB": "RGBA", "RGBA": "RGBA"}


def _pillow_pixels(image: Image.Image) -> np.ndarray:
    """Decode Pillow's image; `UserError` for pixels whose levels have no known range."""
    image.load()
    if image.mode.startswith("I;16") or (image.format == "PPM" and image.mode == "I"):
        gray = np.array(image).astype(np.uint16)
        clear = image.info.get("transparency")
        return gray if clear is None else np.dstack([gray, 65535 * (gray != clear)]).astype("u2")
    if image.mode not in _DECODED_AS:
        kind = {"I": "32-bit or signed", "F": "floating-point"}.get(image.mode, image.mode)
        raise UserError(f"{kind} pixels; save it as gray or RGB of 8 or 16 bits")
    mode = _DECODED_AS[image.mode]
    if image.has_transparency_data:
        mode = _WITH_ALPHA[mode]
    pixels = np.array(image if image.mode == mode else image.convert(mode))
    swap = {"RGB": cv2.COLOR_RGB2BGR, "RGBA": cv2.COLOR_RGBA2BGRA}.get(mode)
    return pixels if swap is None else cv2.cvtColor(pixels, swap, dst=pixels)


def _orientation(image: Image.Image) -> int:
    try:
        return image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # damaged EXIF data, while the pixels are fine
        return 1


def _blocks(image: Image.Image, content: bytes) -> Blocks:
    try:
        if image.format == "JPEG2000":
            return blocks_of_jpeg_2000(content)
        if image.format == "AVIF":  # Pillow re-encodes its EXIF data, and loses some letters
            return replace(blocks_of(image), exif=pi_heif.open_heif(content).info.get("exif"))
        return blocks_of(image)
    except Exception:  # damaged, such as a PNG's texts, which Pillow reads only now
        return Blocks()


def _brands(content: bytes) -> set[bytes]:
    """The brands of an ISO media file, which say what it is; none for AVIF."""
    if content[4:8] != b"ftyp":
        return set()
    end = min(int.from_bytes(content[:4]), 256)
    brands = {content[at : at + 4] for at in range(8, end, 4)}
    return set() if brands & {b"avif", b"avis"} else brands


def _is_whole_tga(content: bytes) -> bool:
    """Whether a file of no other known format is a TGA, whose only signature is at its end."""
    if content[-18:-1] == b"TRUEVISION-XFILE.":
        return True
    name, has_map, kind = content[:3]
    (entries, entry_bits), (width, height, bits) = (
        struct.unpack_from("<HB", content, 5), struct.unpack_from("<HHB", content, 12),
    )  # fmt: skip
    known = (kind in (1, 9)) == bool(has_map) and bits in (8, 15, 16, 24, 32)
    packed = kind > 8
    room = len(content) - 18 - name - has_map * entries * ((entry_bits + 7) // 8)
    return known and room >= (width * height * ((bits + 7) // 8) // (128 if packed else 1))


# ----------------------------------------------------------------------------- what is not read


def is_known(content: bytes) -> bool:
    """Whether a file begins like one of a format that is read."""
    is_heif_or_avif = content[4:8] == b"ftyp" and content[8:12] in {*_HEIF_BRANDS, b"avif", b"avis"}
    return content.startswith(_SIGNATURES) or is_heif_or_avif


def why_not_read(content: bytes) -> str | None:
    """Why a file cannot be decoded, and what to do, if that is known."""
    kind = next((kind for start, kind in _NOT_READ if content.startswith(start)), None)
    if kind is None and b"crx " in _brands(content):
        kind = RAW
    if kind is None and content.startswith(SIGNATURES):
        with suppress(Exception):
            return TiffHeader.read(content).why_not_read()
    if kind is None and begins_as_video(content):
        kind = "a film, not a picture; only `colorgan colorize FILM` colours films"
    return kind
