"""What a file says of its picture, carried from every format that is read to each that is written.

Pillow, which writes none of it here but WebP's, reads what came over.
"""

import io
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pillow_heif
import pytest
import tifffile
from PIL import ExifTags, Image, ImageCms, IptcImagePlugin
from PIL.PngImagePlugin import PngInfo

from colorgan.photos.pictures.encoding import WRITABLE_SUFFIXES, encode_picture, write_picture
from colorgan.photos.pictures.reading import Picture, read_picture

CAPTION = "Gro\u00dfmutter, \u0141\u00f3d\u017a 1931".encode()
TIME, PLACE = "1931:05:04 12:00:00", (52.0, 13.0, 30.0)
IPTC = b"\x1c\x02\x78\x00\x05Lodz\xc5\x1c\x02\x19\x00\x06family"
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-'
    b'syntax-ns#"><rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" '
    b'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/" '
    b'tiff:Orientation="6" tiff:ImageWidth="40"><dc:subject>family</dc:subject>'
    b"<xmp:Thumbnails><rdf:Alt>gray</rdf:Alt></xmp:Thumbnails></rdf:Description></rdf:RDF>"
    b"</x:xmpmeta>"
)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
MAIN, CAMERA, GPS = ExifTags.Base, ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo


def exif_block(orientation: int = 6, extra: bytes = b"") -> bytes:
    exif = Image.Exif()
    exif[MAIN.ImageDescription] = CAPTION
    exif[MAIN.Make], exif[MAIN.Model] = "Zeiss Ikon", "Nettar"
    exif[MAIN.DateTime], exif[MAIN.Orientation] = TIME, orientation
    exif[CAMERA] = {
        MAIN.DateTimeOriginal: TIME, MAIN.ExifImageWidth: 40, MAIN.ExifImageHeight: 24,
        MAIN.FocalLength: 75.5, MAIN.MakerNote: extra or b"note",
    }  # fmt: skip
    exif[GPS] = {1: "N", 2: PLACE}
    return exif.tobytes()


def gray(width: int = 40, height: int = 24) -> Image.Image:
    return Image.fromarray(np.random.default_rng(1).integers(0, 256, (height, width), np.uint8))


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    content = io.BytesIO()
    image.save(content, kind, **options)
    return content.getvalue()


def photoshop(iptc: bytes) -> bytes:
    padded = iptc + bytes(len(iptc) % 2)
    others = b"8BIM\x04\x0c\x03abc" + struct.pack(">I", 3) + b"xyz\0"
    return others + b"8BIM\x04\x04\0\0" + struct.pack(">I", len(iptc)) + padded


def jpeg() -> bytes:
    body = b"Photoshop 3.0\0" + photoshop(IPTC)
    segment = b"\xff\xed" + struct.pack(">H", len(body) + 2) + body
    return saved(
        gray().convert("RGB"), "JPEG", exif=exif_block(), icc_profile=SRGB, xmp=XMP, dpi=(600, 300),
        extra=segment, comment="by hand",
    )  # fmt: skip


def png() -> bytes:
    texts = PngInfo()
    texts.add_itxt("XML:com.adobe.xmp", XMP.decode())
    texts.add_itxt("Comment", "by hand")
    digits = photoshop(IPTC).hex()
    texts.add_text("Raw profile type iptc", f"\niptc\n{len(digits) // 2:8}\n{digits}\n", zip=True)
    return saved(
        gray(), "PNG", pnginfo=texts, exif=exif_block(), icc_profile=SRGB, dpi=(600, 300)
    )  # fmt: skip


def webp() -> bytes:
    content = saved(
        gray().convert("RGB"), "WEBP", exif=with_resolution(), xmp=XMP, icc_profile=SRGB
    )
    return content


def with_resolution(dpi: tuple[int, int] = (600, 300)) -> bytes:
    exif = Image.Exif()
    exif.load(exif_block())
    exif[MAIN.ImageDescription] = CAPTION
    exif[MAIN.XResolution], exif[MAIN.YResolution], exif[MAIN.ResolutionUnit] = *dpi, 2
    return exif.tobytes()


def tiff(dtype: type = np.uint8, order: str = "<") -> bytes:
    """A scanner's, written without Pillow: its directories are put behind by hand."""
    content = io.BytesIO()
    tags = [
        (270, 2, len(CAPTION) + 1, CAPTION + b"\0", True), (271, 2, 0, "Zeiss Ikon", True),
        (272, 2, 0, "Nettar", True), (306, 2, 0, TIME, True), (274, 3, 1, 6, True),
        (700, 1, len(XMP), XMP, True), (34377, 7, len(photoshop(IPTC)), photoshop(IPTC), True),
        (34675, 7, len(SRGB), SRGB, True), (34664, 4, 1, 0, True), (34854, 4, 1, 0, True),
    ]  # fmt: skip
    pixels = np.asarray(gray()).astype(dtype) * (257 if dtype == np.uint16 else 1)
    tifffile.imwrite(
        content, pixels, photometric="minisblack", resolution=(600, 300), resolutionunit=2,
        extratags=tags, metadata=None, byteorder=order, software=False,
    )  # fmt: skip
    whole = bytearray(content.getvalue())
    add_directory(whole, order, (34664, 34665), camera_directory)
    add_directory(whole, order, (34854, 34853), place_directory)
    return bytes(whole)


def add_directory(
    whole: bytearray, order: str, tags: tuple[int, int], directory: Callable[[str, int], bytes]
) -> None:
    """Have the entry of the first tag, which stands in for it, be that of a directory."""
    start = struct.unpack_from(f"{order}I", whole, 4)[0]
    count = struct.unpack_from(f"{order}H", whole, start)[0]
    (entry,) = (
        start + 2 + 12 * number
        for number in range(count)
        if struct.unpack_from(f"{order}H", whole, start + 2 + 12 * number)[0] == tags[0]
    )
    whole += bytes(len(whole) % 2)
    struct.pack_into(f"{order}H", whole, entry, tags[1])
    struct.pack_into(f"{order}I", whole, entry + 8, len(whole))
    whole += directory(order, len(whole))


def camera_directory(order: str, at: int) -> bytes:
    data = at + 2 + 5 * 12 + 4
    head = struct.pack(f"{order}H", 5)
    head += struct.pack(f"{order}HHII", 36867, 2, 20, data)
    head += struct.pack(f"{order}HHI4s", 37500, 7, 4, b"note")
    head += struct.pack(f"{order}HHII", 37386, 5, 1, data + 20)
    head += struct.pack(f"{order}HHIHH", 40962, 3, 1, 40, 0)
    head += struct.pack(f"{order}HHIHH", 40963, 3, 1, 24, 0)
    return head + bytes(4) + TIME.encode() + b"\0" + struct.pack(f"{order}II", 151, 2)


def place_directory(order: str, at: int) -> bytes:
    head = struct.pack(f"{order}H", 2) + struct.pack(f"{order}HHI4s", 1, 2, 2, b"N")
    head += struct.pack(f"{order}HHII", 2, 5, 3, at + 2 + 2 * 12 + 4)
    return head + bytes(4) + struct.pack(f"{order}6I", 52, 1, 13, 1, 30, 1)


def avif() -> bytes:
    """By OpenCV: Pillow would write the EXIF data anew."""
    kinds = (cv2.IMAGE_METADATA_EXIF, cv2.IMAGE_METADATA_XMP, cv2.IMAGE_METADATA_ICCP)
    blocks = (with_resolution()[6:], XMP, SRGB)
    pixels = np.asarray(gray().convert("RGB"))
    arrays = [np.frombuffer(block, np.uint8) for block in blocks]
    return cv2.imencodeWithMetadata(".avif", pixels, kinds, arrays)[1].tobytes()


def heif() -> bytes:
    content = io.BytesIO()
    file = pillow_heif.from_pillow(gray().convert("RGB"))
    file.save(content, exif=with_resolution(), xmp=XMP, icc_profile=SRGB)
    return content.getvalue()


def jpeg_2000() -> bytes:
    """Of a picture that lies upright: nothing turns a JPEG 2000."""

    def box(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I4s", len(body) + 8, kind) + body

    content = saved(gray(24, 40).convert("RGB"), "JPEG2000")
    xmp = box(b"uuid", bytes.fromhex("be7acfcb97a942e89c71999491e3afac") + XMP)
    iptc = box(b"uuid", bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38") + IPTC)
    exif = box(b"uuid", b"JpgTiffExif->JP2" + with_resolution((300, 600))[6:])
    header, stream = content.index(b"jp2h") - 4, content.index(b"jp2c") - 4
    color = box(b"colr", b"\2\0\0" + SRGB)
    inner = content[header + 8 : stream]
    inner = inner[: inner.index(b"colr") - 4]
    return content[:header] + box(b"jp2h", inner + color) + xmp + iptc + exif + content[stream:]


SOURCES: dict[str, Callable[[], bytes]] = {
    "JPEG": jpeg,
    "PNG": png,
    "WebP": webp,
    "AVIF": avif,
    "HEIC": heif,
    "JPEG 2000": jpeg_2000,
    "TIFF": tiff,
    "TIFF of 16 bits": lambda: tiff(np.uint16),
    "TIFF of the other byte order": lambda: tiff(np.uint8, ">"),
    "TIFF of 16 bits of the other byte order": lambda: tiff(np.uint16, ">"),
}


def colored(picture: Picture) -> np.ndarray:
    return np.dstack([picture.gray, picture.gray // 2, picture.gray])


def carried(content: bytes, suffix: str) -> Image.Image:
    """The coloured picture, as Pillow finds it."""
    picture = read_picture(content, "old", 10**6)
    assert picture.metadata.left_out == ()
    result = encode_picture(colored(picture), None, suffix, None, picture.metadata)
    np.testing.assert_array_equal(
        read_picture(encode_picture(colored(picture), None, suffix), "plain", 10**6).gray,
        read_picture(result, "result", 10**6).gray,
    )
    image = Image.open(io.BytesIO(result))
    image.load()
    return image


@pytest.mark.parametrize("suffix", WRITABLE_SUFFIXES)
@pytest.mark.parametrize("source", SOURCES)
def test_what_a_photo_says_of_itself_is_carried_over(source: str, suffix: str) -> None:
    image = carried(SOURCES[source](), suffix)
    assert image.size == (24, 40)  # turned
    exif = image.getexif()
    assert exif[MAIN.ImageDescription].encode("latin-1") == CAPTION
    assert (exif[MAIN.Make], exif[MAIN.Model], exif[MAIN.DateTime]) == (
        "Zeiss Ikon",
        "Nettar",
        TIME,
    )
    camera = exif.get_ifd(CAMERA)
    assert (camera[MAIN.DateTimeOriginal], camera[MAIN.FocalLength]) == (TIME, 75.5)
    assert camera[MAIN.MakerNote] == b"note"
    assert exif.get_ifd(GPS)[2] == PLACE
    assert image.info["icc_profile"] == SRGB
    assert b"<dc:subject>family</dc:subject>" in image.info["xmp"]
    if source not in ("WebP", "AVIF", "HEIC") and suffix != ".webp":
        found = iptc_of(image)
        assert found[(2, 25)] == b"family" and found[(2, 120)] == b"Lodz\xc5"


def iptc_of(image: Image.Image) -> dict:
    if image.format != "PNG":
        return IptcImagePlugin.getiptcinfo(image)
    raw = bytes.fromhex("".join(image.text["Raw profile type iptc"].split("\n")[3:]))
    wrapped = Image.new("L", (1, 1))
    segment = b"Photoshop 3.0\0" + raw
    segment = b"\xff\xed" + struct.pack(">H", len(segment) + 2) + segment
    return IptcImagePlugin.getiptcinfo(
        Image.open(io.BytesIO(saved(wrapped, "JPEG", extra=segment)))
    )


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp"])
@pytest.mark.parametrize("source", SOURCES)
def test_what_is_true_of_the_old_file_alone_is_set_right(source: str, suffix: str) -> None:
    image = carried(SOURCES[source](), suffix)
    exif = image.getexif()
    assert exif[MAIN.Orientation] == 1
    camera = exif.get_ifd(CAMERA)
    assert (camera[MAIN.ExifImageWidth], camera[MAIN.ExifImageHeight]) == (24, 40)
    assert b'tiff:Orientation="1" tiff:ImageWidth="24"' in image.info["xmp"]
    assert b"Thumbnails" not in image.info["xmp"]
    x, y = image.info.get("dpi") or (exif[MAIN.XResolution], exif[MAIN.YResolution])
    assert (round(x), round(y)) == (300, 600)  # turned, too


def test_the_gray_preview_is_left_out() -> None:
    block = exif_block()
    preview = saved(gray(16, 16), "JPEG")
    start = struct.unpack(">I", block[10:14])[0]
    entries = struct.unpack_from(">H", block, 6 + start)[0]
    link = 6 + start + 2 + 12 * entries
    at = len(block) - 6
    entry = struct.pack(">HHHII", 2, 513, 4, 1, at + 30) + struct.pack(
        ">HHII", 514, 4, 1, len(preview)
    )
    block = block[:link] + struct.pack(">I", at) + block[link + 4 :] + entry + bytes(4) + preview
    content = saved(gray(), "JPEG", exif=block)
    assert preview in content
    picture = read_picture(content, "old", 10**6)
    for suffix in WRITABLE_SUFFIXES:
        assert preview not in encode_picture(colored(picture), None, suffix, None, picture.metadata)


def test_a_comment_is_kept_where_the_format_has_a_place_for_it() -> None:
    for content in (
        saved(gray(), "JPEG", comment="by hand"),
        saved(gray(), "GIF", comment="by hand"),
    ):
        assert carried(content, ".png").info["Comment"] == "by hand"
        assert carried(content, ".jpg").info["comment"] == b"by hand"
        assert carried(content, ".tif").getexif()[MAIN.ImageDescription] == "by hand"
        assert carried(content, ".webp").getexif()[MAIN.ImageDescription] == "by hand"


def test_a_pngs_texts_become_tags_where_there_are_none() -> None:
    texts = PngInfo()
    texts.add_text("Title", "Harvest")
    texts.add_text("Author", "Anna")
    content = saved(gray(), "PNG", pnginfo=texts)
    assert carried(content, ".png").text == {"Title": "Harvest", "Author": "Anna"}
    for suffix in (".jpg", ".tif", ".webp"):
        exif = carried(content, suffix).getexif()
        assert (exif[MAIN.ImageDescription], exif[MAIN.Artist]) == ("Harvest", "Anna")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "TIFF"])
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
def test_resolution_alone_is_carried_over(kind: str, suffix: str) -> None:
    x, y = carried(saved(gray(), kind, dpi=(300, 300)), suffix).info["dpi"]
    assert (round(x), round(y)) == (300, 300)


def test_nothing_is_made_up() -> None:
    for suffix in WRITABLE_SUFFIXES:
        image = carried(saved(gray(), "PNG"), suffix)
        assert image.info.get("dpi", (1, 1)) == (1, 1)  # which Pillow says of a TIFF without any
        assert not {"exif", "xmp", "icc_profile", "comment"} & set(image.info)


def test_no_resolution_is_made_up_for_a_camera_that_gave_none() -> None:
    content = saved(gray(), "JPEG", exif=exif_block(1))
    assert Image.open(io.BytesIO(content)).info["dpi"] == (72, 72)  # Pillow's
    assert read_picture(content, "old", 10**6).metadata.dpi is None


# ----------------------------------------------------------------------------- profiles


def profile(space: bytes, curve: bytes, primaries: dict[bytes, tuple[float, ...]]) -> bytes:
    """A colour profile of version 2."""
    tags = {b"desc": b"desc" + bytes(4) + struct.pack(">I", 5) + b"test\0" + bytes(79)}
    tags[b"wtpt"] = b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061)
    for name, values in primaries.items():
        tags[name] = b"XYZ " + bytes(4) + struct.pack(">3i", *(round(v * 65536) for v in values))
    for name in (b"kTRC",) if space == b"GRAY" else (b"rTRC", b"gTRC", b"bTRC"):
        tags[name] = curve
    table, data = struct.pack(">I", len(tags)), b""
    for name, tag in tags.items():
        table += struct.pack(">4sII", name, 132 + 12 * len(tags) + len(data), len(tag))
        data += tag + bytes(-len(tag) % 4)
    head = struct.pack(">4x4xI4s4s4s12x4s28x3i", 0x02400000, b"mntr", space, b"XYZ ", b"acsp",
                       63190, 65536, 54061)  # fmt: skip
    body = head.ljust(128, b"\0") + table + data
    return struct.pack(">I", len(body)) + body[4:]


GAMMA_18 = b"curv" + bytes(4) + struct.pack(">IH", 1, round(1.8 * 256))
PROPHOTO = {b"rXYZ": (0.7977, 0.2880, 0.0), b"gXYZ": (0.1352, 0.7119, 0.0),
            b"bXYZ": (0.0313, 0.0001, 0.8249)}  # fmt: skip


def seen(pixels: np.ndarray, icc: bytes) -> np.ndarray:
    """What a screen of sRGB shows of pixels of this profile."""
    mode = "L" if pixels.ndim == 2 else "RGB"
    source = ImageCms.ImageCmsProfile(io.BytesIO(icc))
    image = Image.fromarray(pixels)
    shown = ImageCms.profileToProfile(
        image, source, ImageCms.createProfile("sRGB"), outputMode="RGB"
    )
    assert image.mode == mode
    return np.asarray(shown).astype(int)


@pytest.mark.parametrize("space", [b"GRAY", b"RGB "])
def test_grays_are_shown_as_bright_as_before_and_colours_as_meant(space: bytes) -> None:
    old = profile(space, GAMMA_18, PROPHOTO if space == b"RGB " else {})
    ramp = Image.fromarray(np.arange(256, dtype=np.uint8)[np.newaxis])
    image = ramp if space == b"GRAY" else ramp.convert("RGB")
    new = carried(saved(image, "PNG", icc_profile=old), ".png").info["icc_profile"]
    levels = np.dstack([np.arange(256, dtype=np.uint8)[np.newaxis]] * 3)
    before = seen(np.asarray(image), old)
    assert np.abs(before - levels).max() > 15  # the profile makes a difference
    assert np.abs(seen(levels, new) - before).max() <= 1
    skin = np.full((1, 1, 3), (200, 150, 120), np.uint8)
    shown = seen(skin, new)[0, 0]
    toned = [before[0, level, 0] for level in skin[0, 0]]
    assert np.abs(shown - toned).max() <= 2  # of sRGB's hue, with the photo's tone


def with_gamma(gamma: float, *others: bytes) -> bytes:
    """A ramp as a PNG with the gamma of its levels, and other chunks of a byte each."""
    content = saved(Image.fromarray(np.arange(256, dtype=np.uint8)[np.newaxis]), "PNG")
    chunks = [(b"gAMA", struct.pack(">I", round(gamma * 1e5))), *((name, b"\0") for name in others)]
    added = (
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )
    return content[:33] + b"".join(added) + content[33:]


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp"])
@pytest.mark.parametrize("gamma", [1 / 1.8, 1.0])
def test_a_pngs_gamma_becomes_a_profile_that_shows_its_grays_as_before(
    gamma: float, suffix: str
) -> None:
    """As of an old Mac, or a scanner whose levels are linear; only PNGs have a gamma."""
    new = carried(with_gamma(gamma), suffix).info["icc_profile"]
    levels = np.arange(256, dtype=np.uint8)
    light = (levels / 255) ** (1 / gamma)
    expected = 255 * np.where(
        light < 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055
    )  # sRGB
    shown = seen(np.dstack([levels[np.newaxis]] * 3), new)[0]
    assert np.abs(shown - expected[:, np.newaxis]).max() <= 2


@pytest.mark.parametrize("content", [
    with_gamma(1 / 2.2), with_gamma(1.0, b"sRGB"), with_gamma(0), with_gamma(20000),
])  # fmt: skip
def test_the_gamma_of_srgb_and_one_that_nobody_means_become_no_profile(content: bytes) -> None:
    assert read_picture(content, "old", 10**6).metadata.profile is None


def test_colours_are_declared_as_srgb_unless_a_profile_says_what_they_are() -> None:
    """A camera's JPEG says in EXIF alone that it is in Adobe RGB, as our colours are not."""
    exif = Image.Exif()
    exif._ifds[CAMERA] = {MAIN.ColorSpace: 65535, MAIN.FocalLength: 75.5, 40965: {1: "R03"}}
    exif[CAMERA] = exif._ifds[CAMERA]
    for profile_before, space in ((None, 1), (profile(b"GRAY", GAMMA_18, {}), 65535)):
        content = saved(gray(), "JPEG", exif=exif.tobytes(), icc_profile=profile_before)
        assert Image.open(io.BytesIO(content)).getexif().get_ifd(40965) == {1: "R03"}
        for suffix in WRITABLE_SUFFIXES:
            carried_exif = carried(content, suffix).getexif()
            assert carried_exif.get_ifd(CAMERA)[MAIN.ColorSpace] == space
            assert bool(carried_exif.get_ifd(40965)) == (space != 1)


@pytest.mark.parametrize("content", [b"", b"acsp" * 40, SRGB[:200], bytes(300)])
def test_a_damaged_profile_spoils_no_picture(content: bytes) -> None:
    picture = read_picture(saved(gray(), "PNG", icc_profile=content), "old", 10**6)
    assert picture.metadata.profile is None


def test_a_profile_of_inks_is_left_behind() -> None:
    inks = bytearray(SRGB)
    inks[16:20] = b"CMYK"
    content = saved(gray().convert("CMYK"), "JPEG", icc_profile=bytes(inks))
    assert "icc_profile" not in carried(content, ".jpg").info


# ----------------------------------------------------------------------------- damage, size, times


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp"])
def test_damaged_metadata_spoil_no_picture(suffix: str) -> None:
    chance = np.random.default_rng(2)
    block = exif_block(1)[6:]
    for _ in range(300):
        damaged = np.frombuffer(block, np.uint8).copy()
        places = chance.integers(4, len(damaged), 4)
        damaged[places] = chance.choice([0, 1, 127, 255], 4)
        content = saved(gray(), "JPEG", exif=b"Exif\0\0" + damaged.tobytes())
        picture = read_picture(content, "old", 10**6)
        result = encode_picture(colored(picture), None, suffix, None, picture.metadata)
        assert len(result) < 10**5
        assert read_picture(result, "result", 10**6).gray.shape in ((24, 40), (40, 24))


@pytest.mark.parametrize("offset", [10**9, 2**63])
def test_a_big_tiff_whose_exif_data_lie_beyond_any_file_is_read(offset: int) -> None:
    content, own = io.BytesIO(), 65100
    pixels = np.arange(960, dtype=np.uint16).reshape(24, 40) * 64
    tifffile.imwrite(content, pixels, bigtiff=True, extratags=[(own, "Q", 1, 5, True)])
    before, after = struct.pack("<HHQQ", own, 16, 1, 5), struct.pack("<HHQQ", CAMERA, 16, 1, offset)
    damaged = content.getvalue().replace(before, after)
    assert damaged != content.getvalue()
    np.testing.assert_array_equal(read_picture(damaged, "old", 10**6).gray, pixels)


def test_what_is_too_large_for_a_format_is_reported_and_the_rest_kept() -> None:
    huge = XMP.replace(b"family", b"family" * 20_000)
    texts = PngInfo()
    texts.add_itxt("XML:com.adobe.xmp", huge.decode(), zip=True)
    picture = read_picture(
        saved(gray(), "PNG", pnginfo=texts, exif=exif_block(6, bytes(65_000))), "old", 10**6
    )
    assert picture.metadata.left_out == ("XMP",)
    result = encode_picture(colored(picture), None, ".jpg", None, picture.metadata)
    camera = Image.open(io.BytesIO(result)).getexif().get_ifd(CAMERA)
    assert camera[MAIN.DateTimeOriginal] == TIME
    assert MAIN.MakerNote not in camera


def test_what_is_too_large_for_a_jpeg_only_together_is_reported_and_the_rest_kept() -> None:
    size = b'<a tiff:ImageWidth="1"/>'  # each grows with the result's
    texts = PngInfo()
    texts.add_itxt("XML:com.adobe.xmp", XMP.replace(b"</rdf:RDF>", 2650 * size).decode())
    texts.add_text("Description", "d" * 60_000)
    texts.add_text("Author", "a" * 3_000)
    content = saved(gray(), "PNG", pnginfo=texts, exif=exif_block(6, bytes(30_000)))
    picture = read_picture(content, "old", 10**6)
    assert picture.metadata.left_out == ("text 'Description'", "XMP")
    wide = np.zeros((8, 20_000, 3), np.uint8)
    result = Image.open(io.BytesIO(encode_picture(wide, None, ".jpg", None, picture.metadata)))
    assert result.getexif()[MAIN.Artist] == "a" * 3_000
    assert len(result.getexif().get_ifd(CAMERA)[MAIN.MakerNote]) == 30_000


def test_a_result_has_the_time_of_its_source(tmp_path: Path) -> None:
    old, new = tmp_path / "old.png", tmp_path / "new.jpg"
    old.write_bytes(saved(gray(), "PNG"))
    os.utime(old, (10**9, 10**9 + 0.25))
    picture = read_picture(old, "old", 10**6)
    write_picture(new, colored(picture), None, None, picture.metadata)
    assert new.stat().st_mtime == 10**9 + 0.25


@pytest.mark.parametrize(
    ("kind", "suffix"), [("JPEG", ".jpg"), ("PNG", ".png"), ("TIFF", ".tif"), ("WEBP", ".webp"),
                         ("BMP", ".png"), ("GIF", ".png"), ("AVIF", ".jpg"), ("TGA", ".png")]
)  # fmt: skip
def test_the_nearest_format_that_is_written_is_known(kind: str, suffix: str) -> None:
    assert read_picture(saved(gray(), kind), "old", 10**6).suffix == suffix
