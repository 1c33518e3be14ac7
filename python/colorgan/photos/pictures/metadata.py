"""The metadata of a picture's file, and how much of it is still true of the coloured picture.

A date, a place, a camera and a description stay true. The orientation does not, since the picture
is turned upright, nor does the preview, which is gray and not turned, nor the size if it changes.
"""

import math
import re
import struct
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Self

from PIL import Image

from colorgan.photos.pictures import exif as tag
from colorgan.photos.pictures.exif import ASCII, Exif, Field
from colorgan.photos.pictures.profiles import carried_over, of_gamma

QUARTER_TURNS = (5, 6, 7, 8)
"""EXIF's orientations for files whose rows are the picture's columns."""

_LARGEST, _LARGEST_PROFILE = 65_000, 1 << 20  # bytes that every format that is written can hold
# Tags about how a TIFF stores its pixels, which say nothing about what they show, and tags that are
# read separately. Those from 50706 on belong to raw photographs.
_STORAGE = {
    *range(254, 270), *range(273, 274), *range(277, 282), *range(284, 285), *range(286, 293), 297,
    301, *range(317, 326), *range(330, 348), *range(512, 533), 37724, *range(50706, 65536),
}  # fmt: skip
_STORAGE -= {269}  # the name of a document
_BLOCKS = (tag.XMP, tag.IPTC, tag.PHOTOSHOP, tag.PROFILE)
_IPTC_RESOURCE, _EXIF_RESOURCE, _XMP_RESOURCE = 0x0404, 0x0422, 0x0424
_JPEG_2000_BLOCKS = {
    b"JpgTiffExif->JP2": "exif",
    bytes.fromhex("be7acfcb97a942e89c71999491e3afac"): "xmp",
    bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38"): "iptc",
}
_ORIENTATION = rb"(tiff:Orientation(?:=[\"']|>))\d+"
_WIDTH = rb"((?:tiff:ImageWidth|exif:PixelXDimension)(?:=[\"']|>))\d+"
_HEIGHT = rb"((?:tiff:ImageLength|exif:PixelYDimension)(?:=[\"']|>))\d+"
_PREVIEWS = rb"(?s)<(xap|xmp):Thumbnails\b.*?</\1:Thumbnails>"
_TEXTS = {  # EXIF tags, and the keywords of a PNG for the same; the first one found is used
    tag.DESCRIPTION: ("Description", "Title", "Comment"),
    tag.ARTIST: ("Author",),
    tag.COPYRIGHT: ("Copyright",),
}


@dataclass(frozen=True)
class Metadata:
    """What is known about an upright picture."""

    exif: Exif | None = None
    """Without the tags for orientation, resolution and stored pixels."""
    xmp: bytes | None = None
    iptc: bytes | None = None
    profile: bytes | None = None
    """For the coloured picture, in RGB."""
    dpi: tuple[float, float] | None = None
    """Pixels per inch, horizontally and vertically."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """By a PNG's keywords for them: "Title", "Author", "Comment"."""
    modified: int | None = None
    """When the file was last written, in nanoseconds since 1970."""
    left_out: tuple[str, ...] = ()
    """What cannot be carried over since it is damaged, or larger than some format can hold."""

    def turned(self) -> Self:
        """The same for the picture turned by 90 degrees."""
        return self if self.dpi is None else replace(self, dpi=self.dpi[::-1])

    def of_a_part(self) -> Self:
        """What is true of a part of the picture at another size."""
        return replace(self, dpi=None)

    def exif_for(self, width: int, height: int, texts: Mapping[str, str]) -> Exif | None:
        """EXIF data for a result of this size, with those `texts` added that they lack."""
        exif = self.exif or Exif("<", {})
        camera = exif.tags.get(tag.CAMERA)
        if isinstance(camera, dict):
            shown = ((tag.WIDTH_SHOWN, width), (tag.HEIGHT_SHOWN, height))
            right = {name: exif.numbers(size) for name, size in shown if name in camera}
            if self.profile is None and tag.COLOR_SPACE in camera:  # Adobe RGB's, say, before
                right[tag.COLOR_SPACE] = exif.short(1)  # sRGB
                camera = {k: v for k, v in camera.items() if k != tag.INTEROPERABILITY}
            exif = exif.with_tags({tag.CAMERA: {**camera, **right}})
        if self.dpi is not None:
            x, y = (exif.ratio(number) for number in self.dpi)
            unit = exif.short(2)  # inches
            exif = exif.with_tags(
                {tag.X_RESOLUTION: x, tag.Y_RESOLUTION: y, tag.RESOLUTION_UNIT: unit}
            )
        for name, words in _TEXTS.items():
            text = next((texts[word] for word in words if word in texts), None)
            if text and not (exif.bytes_of(name) or b"").strip(b"\0 "):
                exif = exif.with_tags({name: Field(ASCII, text.encode() + b"\0")})
        return exif if exif.tags else None

    def xmp_for(self, width: int, height: int) -> bytes | None:
        """The XMP packet for a result of this size."""
        return self.xmp and _sized(self.xmp, width, height)


@dataclass(frozen=True)
class Blocks:
    """The same, as raw blocks of a file."""

    exif: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    profile: bytes | None = None
    dpi: tuple[float, float] | None = None
    texts: Mapping[str, str] = field(default_factory=dict)

    def metadata(self) -> Metadata:
        """Parse the blocks, leaving out those that are damaged or too large."""
        left_out: list[str] = []

        def read(name: str, reader: Callable[[bytes], Any], block: bytes | None) -> Any:
            if not block:
                return None
            try:
                return reader(block)
            except (ValueError, struct.error):
                left_out.append(name)
                return None

        exif = read("EXIF", _exif, self.exif)
        dpi = self.dpi or (exif and exif.resolution())
        if exif is not None:
            measures = (tag.X_RESOLUTION, tag.Y_RESOLUTION, tag.RESOLUTION_UNIT)
            exif = replace(exif, tags={k: v for k, v in exif.tags.items() if k not in measures})
        room = _LARGEST - (len(exif.block()) if exif else 0)  # both share one block in a JPEG
        texts = {}
        for word, text in self.texts.items():
            if (size := len(text.encode())) < room:
                texts[word] = text
                room -= size
            else:
                left_out.append(f"text {word!r}")
        return Metadata(
            exif=exif,
            xmp=read("XMP", _xmp, self.xmp),
            iptc=read("IPTC", _iptc, self.iptc),
            profile=read("colour profile", _profile, self.profile),
            dpi=dpi if dpi and all(1 < number < 1e5 for number in dpi) else None,
            texts=texts,
            left_out=tuple(left_out),
        )


def blocks_of_tiff(content: bytes) -> Blocks:
    """The blocks of a TIFF's first page, for a picture that is already upright."""
    try:
        found = Exif.read(content, _STORAGE)
    except (ValueError, struct.error):
        return Blocks()
    iptc = found.bytes_of(tag.IPTC)
    if iptc is None:
        iptc = photoshop_resource(found.bytes_of(tag.PHOTOSHOP) or b"", _IPTC_RESOURCE)
    rest = {name: value for name, value in found.tags.items() if name not in _BLOCKS}
    return Blocks(
        exif=replace(found, tags=rest).block() if rest else None,
        xmp=found.bytes_of(tag.XMP),
        iptc=iptc,
        profile=found.bytes_of(tag.PROFILE),
        dpi=_upright_resolution(found),
    )


def _upright_resolution(exif: Exif) -> tuple[float, float] | None:
    dpi, orientation = exif.resolution(), exif.bytes_of(tag.ORIENTATION)
    turned = orientation in [exif.short(number).value for number in QUARTER_TURNS]
    return dpi[::-1] if dpi and turned else dpi


def blocks_of_heif(info: Mapping[str, Any]) -> Blocks:
    """The blocks of a HEIC, from pi-heif, for a picture that is already upright."""
    blocks = Blocks(exif=info.get("exif"), xmp=info.get("xmp"), profile=info.get("icc_profile"))
    with suppress(ValueError, struct.error):
        exif = Exif.read((blocks.exif or b"").removeprefix(b"Exif\0\0"))
        return replace(blocks, dpi=_upright_resolution(exif))
    return blocks


def blocks_of(image: Image.Image) -> Blocks:
    """The blocks of an image that Pillow has opened; a PNG must have been read to its end."""
    info = image.info
    texts = {"Comment": info.get("comment"), **getattr(image, "text", {})}
    raw = {name: _raw_profile(texts.get(f"Raw profile type {name}")) for name in ("exif", "iptc")}
    resources = info.get("photoshop") or {}
    resources |= {number: block for number, _, block in getattr(image, "resources", ())}  # a PSD's
    iptc = resources.get(_IPTC_RESOURCE) or photoshop_resource(raw["iptc"], _IPTC_RESOURCE)
    # In that case Pillow takes the resolution from EXIF, as we do, or else makes up 72.
    says_none = image.format in ("JPEG", "MPO") and info.get("jfif_unit", 0) == 0
    return Blocks(
        exif=info.get("exif") or raw["exif"] or resources.get(_EXIF_RESOURCE),
        xmp=_as_bytes(
            info.get("xmp") or texts.get("XML:com.adobe.xmp") or resources.get(_XMP_RESOURCE)
        ),
        iptc=iptc,
        profile=info.get("icc_profile") or of_gamma(None if "srgb" in info else info.get("gamma")),
        dpi=None if says_none else _resolution(info.get("dpi")),
        texts=_plain(texts),
    )


def blocks_of_jpeg_2000(content: bytes) -> Blocks:
    """The blocks in the boxes before a JPEG 2000's stream, which Pillow does not read."""
    found: dict[str, bytes] = {}
    at = 12 if content[4:8] == b"jP  " else len(content)
    while at + 8 <= len(content):
        size, kind = struct.unpack_from(">I4s", content, at)
        if size < 8 or kind == b"jp2c":
            break
        if kind == b"uuid" and content[at + 8 : at + 24] in _JPEG_2000_BLOCKS:
            name = _JPEG_2000_BLOCKS[content[at + 8 : at + 24]]
            found[name] = content[at + 24 : at + size]
        elif kind == b"colr" and content[at + 8] == 2:
            found["profile"] = content[at + 11 : at + size]
        at += 8 if kind == b"jp2h" else size  # the header is a box of boxes
    return Blocks(found.get("exif"), found.get("xmp"), found.get("iptc"), found.get("profile"))


def photoshop_resource(content: bytes, wanted: int) -> bytes | None:
    """One of Photoshop's blocks, in which IPTC is stored as well."""
    at = 0
    with suppress(struct.error, IndexError):
        while content[at : at + 4] == b"8BIM":
            (number,) = struct.unpack_from(">H", content, at + 4)
            at += 6 + (content[at + 6] + 2) // 2 * 2  # a name with its length, padded to be even
            (size,) = struct.unpack_from(">I", content, at)
            if number == wanted:
                return content[at + 4 : at + 4 + size]
            at += 4 + (size + 1) // 2 * 2
    return content if content[:1] == b"\x1c" else None  # IPTC without a Photoshop block around it


def _raw_profile(text: str | None) -> bytes:
    """Another format's block in a PNG, in ImageMagick's way: name, length, hexadecimal digits."""
    with suppress(ValueError):
        return bytes.fromhex("".join((text or "").split("\n")[3:]))
    return b""


def _as_bytes(text: str | bytes | None) -> bytes | None:
    return text.encode() if isinstance(text, str) else text


def _resolution(dpi: Any) -> tuple[float, float] | None:
    """Pillow's resolution, if it is two finite numbers; files can hold anything."""
    with suppress(Exception):
        x, y = (float(number) for number in dpi)
        if math.isfinite(x) and math.isfinite(y):
            return x, y
    return None


def _plain(texts: Mapping[str, str | bytes | None]) -> dict[str, str]:
    """Texts that people wrote; those that programs use for blocks are read elsewhere."""
    kept = {}
    for word, text in texts.items():
        if isinstance(text, bytes):
            text = text.decode(errors="replace")
        text = (text or "").replace("\0", " ").strip()
        if text and not word.startswith(("Raw profile type ", "XML:")):
            kept[word] = str(text)
    return kept


def _exif(block: bytes) -> Exif:
    exif = Exif.read(block.removeprefix(b"Exif\0\0"), {*_STORAGE, *_BLOCKS})
    if tag.ORIENTATION in exif.tags:
        exif = exif.with_tags({tag.ORIENTATION: exif.short(1)})
    camera = exif.tags.get(tag.CAMERA)
    if len(exif.block()) > _LARGEST and isinstance(camera, dict):
        rest = {name: value for name, value in camera.items() if name != tag.MAKER_NOTE}
        exif = exif.with_tags({tag.CAMERA: rest})
    if len(exif.block()) > _LARGEST:
        raise ValueError("too large")
    return exif


def _xmp(block: bytes) -> bytes:
    packet = re.sub(_PREVIEWS, b"", block.strip(b"\0"))
    if len(_sized(packet, 99_999, 99_999)) > _LARGEST or b"rdf:RDF" not in packet:
        raise ValueError("too large, or not XMP")
    return packet


def _sized(xmp: bytes, width: int, height: int) -> bytes:
    """An XMP packet, edited for an upright picture of this size."""
    for name, number in ((_ORIENTATION, 1), (_WIDTH, width), (_HEIGHT, height)):
        xmp = re.sub(name, rb"\g<1>%d" % number, xmp)
    return xmp


def _iptc(block: bytes) -> bytes:
    if len(block) > _LARGEST or not block.startswith(b"\x1c"):
        raise ValueError("too large, or not IPTC")
    return block


def _profile(block: bytes) -> bytes | None:
    if len(block) > _LARGEST_PROFILE:
        raise ValueError("too large")
    return carried_over(block)
