"""Formats beyond a scanner's and a browser's: read as they are, or refused with what to do."""

import io
import struct

import cv2
import numpy as np
import pillow_heif
import pytest
import tifffile
from PIL import Image

from colorgan.errors import UserError
from colorgan.photos.pictures.formats import READABLE_SUFFIXES
from colorgan.photos.pictures.reading import Picture, read_picture
from mutants import heic, opencv, pillow, psd

RAMP = (np.add.outer(np.arange(48), np.arange(64)) * 590).astype(np.uint16)
"""As 16 bits: dark above on the left."""
GRAY = (RAMP >> 8).astype(np.uint8)
RGB = np.dstack([GRAY, GRAY[::-1], GRAY[:, ::-1]])
WIDE = np.dstack([RAMP, RAMP[::-1], RAMP[:, ::-1]])


def read(content: bytes, limit: int = 10**6) -> Picture:
    return read_picture(content, "photo", limit)


def refusal(content: bytes, limit: int = 10**6) -> str:
    with pytest.raises(UserError) as caught:
        read(content, limit)
    (line,) = str(caught.value).splitlines()
    return line.removeprefix("photo: ")


def gray_of(rgb: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)


def jpeg_2000(levels: np.ndarray, bits: int) -> bytes:
    """One whose stream says it has so many bits, which no library here writes."""
    shifted = levels.astype(int) + 2**15 - 2 ** (bits - 1)  # so that the middle is where it was
    lossless = (cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, 1000)
    content = bytearray(opencv(".jp2", shifted.astype(np.uint16), *lossless))
    stream, header = content.index(b"\xff\x4f\xff\x51"), content.index(b"ihdr")
    for component in range(content[stream + 41]):
        content[stream + 42 + 3 * component] = bits - 1
    content[header + 14] = bits - 1
    return bytes(content)


@pytest.mark.parametrize("kind", ["JPEG2000", "TGA", "PCX", "ICO"])
def test_lossless_formats_are_read_to_the_bit(kind: str) -> None:
    options = {"sizes": [(16, 12), (64, 48)]} if kind == "ICO" else {}  # of several the largest
    picture = read(pillow(Image.fromarray(RGB), kind, **options))
    np.testing.assert_array_equal(picture.gray, gray_of(RGB))
    assert picture.was_color
    options = options or ({"compression": "tga_rle"} if kind == "TGA" else {})
    np.testing.assert_array_equal(read(pillow(Image.fromarray(GRAY), kind, **options)).gray, GRAY)


def test_a_photoshop_file_is_read_flattened() -> None:
    np.testing.assert_array_equal(read(psd(RGB)).gray, gray_of(RGB))


def test_a_tga_without_its_late_signature_is_read_and_other_bytes_are_not() -> None:
    content = pillow(Image.fromarray(RGB), "TGA")[:-26]
    np.testing.assert_array_equal(read(content).gray, gray_of(RGB))
    chance = np.random.default_rng(1)
    for _ in range(300):
        head = bytes([0, 0, 2]) + bytes(9) + struct.pack("<HHBB", 640, 480, 24, 0)
        noise = chance.integers(0, 256, 400, np.uint8).tobytes()
        assert "not a picture" in refusal(head + noise) or "damaged" in refusal(head + noise)


@pytest.mark.parametrize("kind", ["AVIF", "JPEG2000"])
def test_alpha_is_kept(kind: str) -> None:
    alpha = np.where(GRAY > 90, 255, 0).astype(np.uint8)
    options = {"quality": 100} if kind == "AVIF" else {}
    picture = read(pillow(Image.fromarray(np.dstack([RGB, alpha])), kind, **options))
    np.testing.assert_array_equal(picture.alpha, alpha)
    assert picture.suffix == ".png"


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["AVIF", "HEIC"])
def test_what_a_camera_turned_is_turned_once(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(GRAY).convert("RGB")
    plain = io.BytesIO()
    image.save(plain, "TIFF", exif=exif)
    if kind == "HEIC":
        content = heic(image, exif=exif.tobytes())
    else:
        content = pillow(image, "AVIF", exif=exif, quality=100)
    expected = read(plain.getvalue()).gray
    found = read(content).gray
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).max() < 8


def test_heic_and_avif_of_10_bits_are_brought_to_the_full_range() -> None:
    ten = WIDE >> 6
    for content in (
        heic(WIDE),
        opencv(".avif", ten[..., ::-1], cv2.IMWRITE_AVIF_DEPTH, 10, cv2.IMWRITE_AVIF_QUALITY, 100),
    ):
        picture = read(content)
        assert (picture.gray.dtype, picture.bits, picture.suffix) == (np.uint16, 10, ".png")
        expected = gray_of(np.rint(ten * (65535 / 1023)).astype(np.uint16))
        assert np.abs(picture.gray.astype(int) - expected).max() < 1500


def test_a_gray_heic_is_gray() -> None:
    picture = read(heic(Image.fromarray(GRAY)))
    assert (picture.was_color, picture.alpha, picture.suffix) == (False, None, ".jpg")
    assert np.abs(picture.gray.astype(int) - GRAY).max() < 4


def test_a_heic_of_several_pictures_says_so() -> None:
    file = pillow_heif.HeifFile()
    for pixels in (RGB, RGB[::-1].copy()):
        file.add_from_pillow(Image.fromarray(pixels))
    content = io.BytesIO()
    file.save(content, quality=-1)
    assert read(content.getvalue()).frames == 2


@pytest.mark.parametrize("bits", [10, 12, 16])
@pytest.mark.parametrize("color", [False, True])
def test_a_deep_jpeg_2000_keeps_its_levels(bits: int, color: bool) -> None:
    levels = (WIDE if color else RAMP) >> (16 - bits)
    picture = read(jpeg_2000(levels, bits))
    full = np.rint(levels * (65535 / (2**bits - 1))).astype(np.uint16)
    expected = cv2.cvtColor(full, cv2.COLOR_BGR2GRAY) if color else full
    np.testing.assert_array_equal(picture.gray, expected)
    assert picture.bits == (None if bits == 16 else bits)


def patched(content: bytes, mark: bytes, offset: int, form: str, *numbers: int) -> bytes:
    changed = bytearray(content)
    struct.pack_into(form, changed, content.index(mark) + offset, *numbers)
    return bytes(changed)


BOMBS = {
    "HEIC": lambda: patched(heic(Image.fromarray(RGB)), b"ispe", 8, ">II", 20000, 15000),
    "JPEG 2000": lambda: patched(
        patched(jpeg_2000(RAMP, 16), b"\xff\x4f\xff\x51", 8, ">II", 20000, 15000),
        b"ihdr", 4, ">II", 15000, 20000,
    ),
    "PSD": lambda: patched(psd(RGB), b"8BPS", 14, ">II", 15000, 20000),
    "TGA": lambda: patched(pillow(Image.fromarray(RGB), "TGA"), b"", 12, "<HH", 20000, 15000),
    "PCX": lambda: patched(pillow(Image.fromarray(RGB), "PCX"), b"", 8, "<HH", 19999, 14999),
    "ICO": lambda: patched(
        pillow(Image.fromarray(RGB), "ICO", sizes=[(64, 48)]), b"IHDR", 4, ">II", 20000, 15000
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", BOMBS)
def test_a_small_file_that_speaks_of_a_huge_picture_is_refused(kind: str) -> None:
    text = refusal(BOMBS[kind](), 10**8)
    assert "more than 100 megapixels" in text or "damaged" in text


@pytest.mark.parametrize(
    "dtype", [np.float16, np.float32, np.float64, np.int8, np.int16, np.uint32]
)
@pytest.mark.parametrize("samples", [1, 2, 3, 4])
def test_a_tiff_of_numbers_without_a_range_says_what_it_is(dtype: type, samples: int) -> None:
    pixels = np.ones((16, 16, samples)[: 2 + (samples > 1)], dtype)
    content = io.BytesIO()
    photometric = "rgb" if samples > 2 else "minisblack"
    extra = ["unassalpha"] if samples in (2, 4) else None
    tifffile.imwrite(content, pixels, photometric=photometric, extrasamples=extra, metadata=None)
    text = refusal(content.getvalue())
    assert "save it as gray or RGB of 8 or 16 bits" in text
    assert "damaged" not in text


def test_a_gray_tiff_with_alpha_of_16_bits_says_what_it_is() -> None:
    content = io.BytesIO()
    pixels = np.dstack([RAMP, RAMP])
    tifffile.imwrite(content, pixels, photometric="minisblack", extrasamples=["unassalpha"])
    assert "samples of 16 bits, 2 a pixel" in refusal(content.getvalue())


@pytest.mark.parametrize(
    ("number", "name"), [(50000, "Zstandard"), (34925, "LZMA"), (1234, "scheme 1234")]
)
def test_a_tiff_packed_as_none_here_unpacks_names_the_packing(number: int, name: str) -> None:
    content = io.BytesIO()
    tifffile.imwrite(content, WIDE, photometric="rgb", metadata=None)
    directory = struct.unpack_from("<I", content.getvalue(), 4)[0]
    entry = content.getvalue().index(struct.pack("<HHI", 259, 3, 1), directory)
    whole = bytearray(content.getvalue())
    struct.pack_into("<H", whole, entry + 8, number)
    text = refusal(bytes(whole))
    assert f"compressed by {name}" in text
    assert "damaged" not in text


def test_a_cameras_raw_photograph_is_not_taken_for_its_preview() -> None:
    content = io.BytesIO()
    version = [(50706, 1, 4, (1, 4, 0, 0), True)]
    tifffile.imwrite(content, GRAY, photometric="minisblack", extratags=version, metadata=None)
    canons = b"II*\0" + struct.pack("<I", 16) + b"CR\2\0" + bytes(4)
    canons += content.getvalue()[8:]
    for raw in (content.getvalue(), b"FUJIFILMCCD-RAW 0201", b"\0\0\0\x18ftypcrx \0\0\0\1crx isom"):
        assert "develop it" in refusal(raw)


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"%PDF-1.7\n", "save its pages as pictures"),
        (b"PK\3\4" + bytes(26), "a zip archive"),
        (b"\xff\x0a\xfa\x7f", "JPEG XL"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(40), "damaged"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isomiso2" + bytes(40), "a film"),
        (b"8BPS\0\1" + bytes(40), "damaged"),
        (b"<!DOCTYPE html>\n<title>Not found</title>", "a web page"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "a drawing (SVG)"),
    ],
)  # fmt: skip
def test_what_is_not_read_says_what_to_do(content: bytes, word: str) -> None:
    assert word in refusal(content)


def test_endings_are_known_once_each_in_lower_case() -> None:
    assert len(set(READABLE_SUFFIXES)) == len(READABLE_SUFFIXES)
    assert {".heic", ".avif", ".jp2", ".tga", ".pcx", ".ico", ".psd"} <= set(READABLE_SUFFIXES)
    assert all(suffix == suffix.lower() for suffix in READABLE_SUFFIXES)
