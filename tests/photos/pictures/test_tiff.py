"""Deep TIFFs: negatives, byte orders, packings, 10 to 14 bits. White comes out white."""

import io
import struct
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile

from colorgan.errors import UserError
from colorgan.photos.pictures.reading import Picture, read_picture

LEVELS = (np.add.outer(np.arange(48), np.arange(64)) * 590).astype(np.uint16)
"""A ramp, as 16 bits."""


def read(content: bytes, max_pixels: int = 10**6) -> Picture:
    return read_picture(content, "scan.tif", max_pixels)


def written(pixels: np.ndarray, **options: Any) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, pixels, **options)
    return file.getvalue()


def packed(levels: np.ndarray, bits: int, order: str, photometric: int) -> bytes:
    """A TIFF whose samples have so many bits, one after the other, as no library here writes it."""
    height, width = levels.shape
    digits = "".join(format(level, f"0{bits}b") for level in levels.ravel())
    data = int(digits, 2).to_bytes(len(digits) // 8, "big")
    start = 8 + len(data)
    tags = [(256, 4, width), (257, 4, height), (258, 3, bits), (259, 3, 1), (262, 3, photometric)]
    tags += [(273, 4, 8), (277, 3, 1), (278, 4, height), (279, 4, len(data))]
    entries = (
        struct.pack(f"{order}HHI", tag, kind, 1)
        + struct.pack(f"{order}{'I' if kind == 4 else 'H2x'}", value)
        for tag, kind, value in tags
    )
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", start)
    return head + data + struct.pack(f"{order}H", len(tags)) + b"".join(entries) + bytes(4)


@pytest.mark.parametrize("packing", [{}, {"tile": (16, 16)}, {"rowsperstrip": 7}], ids=str)
@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
def test_white_is_white_however_16_bits_are_stored(
    photometric: str, order: str, compression: str | None, packing: dict[str, Any]
) -> None:
    content = written(
        LEVELS, photometric=photometric, byteorder=order, compression=compression, **packing
    )
    expected = LEVELS if photometric == "minisblack" else 65535 - LEVELS
    picture = read(content)
    assert np.array_equal(picture.gray, expected)
    assert picture.bits is None


def test_lzw_is_read() -> None:
    lzw = (cv2.IMWRITE_TIFF_COMPRESSION, 5)
    assert np.array_equal(read(cv2.imencode(".tif", LEVELS, lzw)[1].tobytes()).gray, LEVELS)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("packing", [{}, {"tile": (16, 16)}, {"rowsperstrip": 7}], ids=str)
def test_colours_in_planes_of_their_own_are_read_of_8_bits_and_refused_of_16(
    packing: dict[str, Any], order: str
) -> None:
    planes = np.stack([LEVELS] * 3)
    options = {"photometric": "rgb", "planarconfig": "separate", "byteorder": order, **packing}
    eight = (planes >> 8).astype(np.uint8)
    assert np.array_equal(read(written(eight, **options)).gray, eight[0])
    for deep in (planes, np.stack([LEVELS] * 4)):
        with pytest.raises(UserError, match="each in a plane of its own"):
            read(written(deep, **options))


@pytest.mark.parametrize("photometric", [0, 1])
@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("bits", [10, 12, 14])
def test_fewer_bits_are_brought_to_the_full_range(bits: int, order: str, photometric: int) -> None:
    levels = LEVELS >> (16 - bits)
    expected = np.rint(levels * (65535 / (2**bits - 1)))
    picture = read(packed(levels, bits, order, photometric))
    assert np.array_equal(picture.gray, expected if photometric else 65535 - expected)
    assert picture.bits == bits


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("bits", [8, 10, 12])
def test_fewer_bits_that_a_file_does_not_declare_are_found_by_their_range(
    suffix: str, bits: int
) -> None:
    levels = LEVELS >> (16 - bits)
    for pixels in (levels, cv2.merge([levels] * 3)):
        picture = read(cv2.imencode(suffix, pixels)[1].tobytes())
        assert picture.bits == bits
        assert np.array_equal(picture.gray, np.rint(levels * (65535 / (2**bits - 1))))


def test_a_dark_picture_of_16_bits_stays_dark() -> None:
    dark = LEVELS // 8
    picture = read(cv2.imencode(".png", dark)[1].tobytes())
    assert picture.bits is None
    assert np.array_equal(picture.gray, dark)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_deep_scan_lies_as_a_shallow_one(orientation: int) -> None:
    lying = [(274, "H", 1, orientation, True)]
    deep = written(LEVELS, photometric="minisblack", byteorder=">", extratags=lying)
    eight = (LEVELS >> 8).astype(np.uint8)
    shallow = written(eight, photometric="minisblack", extratags=lying)
    assert np.array_equal(read(deep).gray >> 8, read(shallow).gray)


def test_pages_are_counted() -> None:
    assert read(written(np.stack([LEVELS] * 3), photometric="miniswhite")).frames == 3


def with_previews(first: np.ndarray, *others: np.ndarray, **options: Any) -> bytes:
    """Pages of which the small ones are marked as previews."""
    file = io.BytesIO()
    with tifffile.TiffWriter(file, **options) as writer:
        for page in (first, *others):
            is_preview = len(page) < len(LEVELS)
            writer.write(page, photometric="minisblack", subfiletype=int(is_preview))
    return file.getvalue()


@pytest.mark.parametrize("options", [{}, {"byteorder": ">"}, {"bigtiff": True}], ids=str)
@pytest.mark.parametrize("bits", [8, 16])
def test_a_preview_is_no_page_and_is_not_taken_for_the_photo(
    bits: int, options: dict[str, Any]
) -> None:
    photo = LEVELS if bits == 16 else (LEVELS >> 8).astype(np.uint8)
    small = photo[::4, ::4].copy()
    for content in (with_previews(small, photo, **options), with_previews(photo, small, **options)):
        picture = read(content)
        assert np.array_equal(picture.gray, photo) and picture.frames == 1
    assert np.array_equal(read(with_previews(small, **options)).gray, small)


def test_too_many_pixels_are_refused_before_any_is_decoded() -> None:
    content = packed(LEVELS >> 4, 12, "<", 1)
    with pytest.raises(UserError, match="more than 0.001 megapixels"):
        read(content, 1000)
