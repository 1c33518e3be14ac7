"""Photos of every kind: which gray, alpha and turn they are read with, and what is written."""

import io
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import ExifTags, Image, ImageFile

from colorgan.errors import UserError
from colorgan.photos.pictures.encoding import WRITABLE_SUFFIXES, encode_picture, write_picture
from colorgan.photos.pictures.formats import READABLE_SUFFIXES
from colorgan.photos.pictures.reading import Picture, read_color, read_picture

LIMIT = 10**6
UPRIGHT: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    1: lambda stored: stored,
    2: np.fliplr,
    3: lambda stored: np.rot90(stored, 2),
    4: np.flipud,
    5: lambda stored: stored.swapaxes(0, 1),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: np.rot90(stored, 2).swapaxes(0, 1),
    8: np.rot90,
}
"""What EXIF's orientations ask for, from their definition: where row 0 and column 0 are shown."""


def noise(dtype: type, *shape: int) -> np.ndarray:
    top = np.iinfo(dtype).max
    return np.random.default_rng(1).integers(0, top, shape, dtype, endpoint=True)


def saved(image: Image.Image, format_name: str, **options: object) -> bytes:
    content = io.BytesIO()
    image.save(content, format_name, **options)
    return content.getvalue()


def opencv(suffix: str, pixels: np.ndarray) -> bytes:
    return cv2.imencode(suffix, pixels)[1].tobytes()


def tiff(pixels: np.ndarray, **options: object) -> bytes:
    content = io.BytesIO()
    tifffile.imwrite(content, pixels, metadata=None, **options)
    return content.getvalue()


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_header(width: int, height: int, bits: int = 8, color_type: int = 0) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, bits, color_type, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header)


def png_with_chunk(content: bytes, kind: bytes, body: bytes) -> bytes:
    """Put a chunk behind the header, which ends at byte 33."""
    return content[:33] + png_chunk(kind, body) + content[33:]


def with_tiff_entry(content: bytes, index: int, **changes: int) -> bytes:
    """Change tag or value of an entry in the directory of a little-endian TIFF."""
    changed = bytearray(content)
    entry = struct.unpack_from("<I", content, 4)[0] + 2 + 12 * index
    if "tag" in changes:
        struct.pack_into("<H", changed, entry, changes["tag"])
    struct.pack_into("<HI", changed, entry + 2, 4, 1)  # one LONG
    struct.pack_into("<I", changed, entry + 8, changes["value"])
    return bytes(changed)


def tiff_entry(content: bytes, tag: int) -> int:
    start = struct.unpack_from("<I", content, 4)[0]
    count = struct.unpack_from("<H", content, start)[0]
    tags = [struct.unpack_from("<H", content, start + 2 + 12 * at)[0] for at in range(count)]
    return tags.index(tag)


def read(content: bytes, limit: int = LIMIT) -> Picture:
    return read_picture(content, "photo", limit)


def refusal(source: bytes | Path, limit: int = LIMIT) -> str:
    with pytest.raises(UserError) as caught:
        read_picture(source, "photo", limit)
    text = str(caught.value)
    assert text.startswith("photo: ")
    assert len(text.splitlines()) == 1
    return text


# ----------------------------------------------------------------------------- gray


@pytest.mark.parametrize("suffix", [".png", ".tiff", ".pgm"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_gray_files_come_through_bit_for_bit(suffix: str, dtype: type) -> None:
    gray = noise(dtype, 7, 5)
    picture = read(opencv(suffix, gray))
    assert picture.gray.dtype == dtype
    np.testing.assert_array_equal(picture.gray, gray)
    assert (picture.alpha, picture.was_color, picture.frames) == (None, False, 1)


@pytest.mark.parametrize("suffix", [".png", ".tiff", ".ppm"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_colour_becomes_bt601_gray_of_its_own_depth(suffix: str, dtype: type) -> None:
    bgr = noise(dtype, 7, 5, 3)
    picture = read(opencv(suffix, bgr))
    assert picture.was_color
    assert picture.gray.dtype == dtype
    np.testing.assert_array_equal(picture.gray, cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_three_equal_channels_are_gray_and_one_other_pixel_is_colour(dtype: type) -> None:
    gray = noise(dtype, 7, 5)
    bgr = np.dstack([gray] * 3)
    picture = read(opencv(".png", bgr))
    assert not picture.was_color
    np.testing.assert_array_equal(picture.gray, gray)
    bgr[6, 4, 2] ^= 4 * (np.iinfo(dtype).max // 255)  # more than rounding is off
    assert read(opencv(".png", bgr)).was_color


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_jpeg_is_read_as_opencv_reads_it(mode: str) -> None:
    bgr = cv2.resize(noise(np.uint8, 8, 8, 3), (64, 48))
    content = saved(Image.fromarray(bgr[..., ::-1]).convert(mode), "JPEG")
    seen = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    expected = seen if mode == "L" else cv2.cvtColor(seen, cv2.COLOR_BGR2GRAY)
    np.testing.assert_array_equal(read(content).gray, expected)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("options", [{}, {"tile": (16, 16), "compression": "zlib"}])
def test_16_bit_tiffs_of_both_byte_orders_keep_all_bits(order: str, options: dict) -> None:
    rgb = noise(np.uint16, 20, 24, 3)
    expected = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    content = tiff(rgb, byteorder=order, photometric="rgb", **options)
    np.testing.assert_array_equal(read(content).gray, expected)
    content = tiff(expected, byteorder=order, photometric="minisblack", **options)
    np.testing.assert_array_equal(read(content).gray, expected)


def test_webp_bmp_and_gif_are_read() -> None:
    gray = noise(np.uint8, 7, 5)
    for content in (
        saved(Image.fromarray(np.dstack([gray] * 3)), "WEBP", lossless=True),
        saved(Image.fromarray(gray), "BMP"),
        saved(Image.fromarray(gray), "GIF"),
    ):
        picture = read(content)
        assert not picture.was_color
        np.testing.assert_array_equal(picture.gray, gray)


def test_bilevel_is_black_and_white() -> None:
    bits = noise(np.uint8, 7, 5) > 127
    image = Image.fromarray(bits)
    for content in (saved(image, "PNG"), saved(image, "TIFF", compression="group4")):
        np.testing.assert_array_equal(read(content).gray, 255 * bits.astype(np.uint8))


INK = np.full((16, 16, 4), (200, 100, 0, 50), np.uint8)
INK_GRAY = np.dot(255 - INK[0, 0, :3].astype(int), (0.299, 0.587, 0.114)) * (255 - 50) / 255


def test_cmyk_is_turned_into_rgb() -> None:
    image = Image.fromarray(INK, "CMYK")
    for content in (saved(image, "JPEG", quality=100), saved(image, "TIFF")):
        picture = read(content)
        assert picture.was_color
        assert np.abs(picture.gray - INK_GRAY).max() < 2


@pytest.mark.parametrize("dtype", [np.int32, np.uint32, np.float32])
def test_pixels_without_a_known_range_are_refused(dtype: type) -> None:
    pixels = np.ones((4, 4), dtype)
    assert "8 or 16 bits" in refusal(tiff(pixels, photometric="minisblack"))


# ----------------------------------------------------------------------------- alpha


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_alpha_is_kept(suffix: str, dtype: type) -> None:
    bgra = noise(dtype, 7, 5, 4)
    picture = read(opencv(suffix, bgra))
    np.testing.assert_array_equal(picture.gray, cv2.cvtColor(bgra, cv2.COLOR_BGRA2GRAY))
    assert picture.alpha.dtype == dtype
    np.testing.assert_array_equal(picture.alpha, bgra[..., 3])


def test_alpha_of_gray_is_kept() -> None:
    pixels = noise(np.uint8, 7, 5, 2)
    picture = read(saved(Image.fromarray(pixels, "LA"), "PNG"))
    np.testing.assert_array_equal(picture.gray, pixels[..., 0])
    np.testing.assert_array_equal(picture.alpha, pixels[..., 1])
    wide = noise(np.uint16, 1, 3, 2)
    rows = zlib.compress(b"\0" + wide.astype(">u2").tobytes())
    content = png_header(3, 1, bits=16, color_type=4)
    picture = read(content + png_chunk(b"IDAT", rows) + png_chunk(b"IEND", b""))
    np.testing.assert_array_equal(picture.gray, wide[..., 0])
    np.testing.assert_array_equal(picture.alpha, wide[..., 1])


def test_palette_and_its_clear_colour_are_looked_up() -> None:
    image = Image.fromarray(np.uint8([[0, 1, 2]]), "P")
    image.putpalette([0, 0, 0, 90, 90, 90, 255, 0, 0])
    for kind in ("PNG", "GIF"):
        picture = read(saved(image, kind, transparency=1))
        assert picture.gray.tolist() == [[0, 90, 76]]
        assert picture.alpha.tolist() == [[255, 0, 255]]
        assert picture.was_color
    image.putpalette([0, 0, 0, 90, 90, 90, 7, 7, 7])
    picture = read(saved(image, "BMP"))
    assert picture.gray.tolist() == [[0, 90, 7]]
    assert picture.alpha is None
    assert not picture.was_color


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_the_one_clear_level_of_a_gray_png_is_clear(dtype: type) -> None:
    gray = np.array([[5, 6, 5, np.iinfo(dtype).max]], dtype)
    picture = read(png_with_chunk(opencv(".png", gray), b"tRNS", b"\x00\x05"))
    np.testing.assert_array_equal(picture.gray, gray)
    assert picture.alpha.dtype == dtype
    assert (picture.alpha > 0).tolist() == [[False, True, False, True]]
    assert picture.alpha.max() == np.iinfo(dtype).max


# ----------------------------------------------------------------------------- turn and frames


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "LZW", "PNG16", "TIFF16"])
def test_exif_orientation_is_applied(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    rgb = np.zeros((16, 48, 3), np.uint8)  # of whole JPEG blocks
    rgb[:, 16:32], rgb[:8, 32:], rgb[8:, :16] = (0, 0, 200), (90, 90, 90), 255
    stored = rgb
    if kind == "TIFF16":
        stored = rgb.astype(np.uint16) * 257 + 1
        content = tiff(stored, photometric="rgb", extratags=[(274, "H", 1, orientation, True)])
    elif kind == "PNG16":
        stored = rgb[..., ::-1].astype(np.uint16) * 257 + 1
        content = png_with_chunk(opencv(".png", stored), b"eXIf", exif.tobytes()[6:])
        stored = stored[..., ::-1]
    elif kind == "LZW":
        content = saved(Image.fromarray(rgb), "TIFF", exif=exif, compression="tiff_lzw")
    else:
        lossless = {"JPEG": {"quality": 100}, "WEBP": {"lossless": True}}.get(kind, {})
        content = saved(Image.fromarray(rgb), kind, exif=exif, **lossless)
    expected = UPRIGHT[orientation](cv2.cvtColor(np.ascontiguousarray(stored), cv2.COLOR_RGB2GRAY))
    gray = read(content).gray
    assert (gray.shape, gray.dtype) == (expected.shape, expected.dtype)
    assert gray.flags.c_contiguous
    tolerance = 40 if kind == "JPEG" else 0
    np.testing.assert_allclose(gray.astype(int), expected.astype(int), atol=tolerance)


def test_alpha_turns_with_the_picture() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels = noise(np.uint8, 7, 5, 2)
    picture = read(saved(Image.fromarray(pixels, "LA"), "PNG", exif=exif))
    np.testing.assert_array_equal(picture.alpha, np.rot90(pixels[..., 1], -1))


@pytest.mark.parametrize(
    "exif", [b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0" + bytes(99)]
)
def test_damaged_exif_data_spoil_no_picture(exif: bytes) -> None:
    content = saved(Image.fromarray(noise(np.uint8, 8, 8)), "JPEG", exif=exif)
    assert read(content).gray.shape == (8, 8)


@pytest.mark.parametrize("kind", ["TIFF", "GIF", "PNG", "WEBP"])
def test_first_of_several_frames_is_read(kind: str) -> None:
    grays = [np.full((4, 4), value, np.uint8) for value in (10, 200, 90)]
    first, *others = [Image.fromarray(gray) for gray in grays]
    options = {"WEBP": {"lossless": True}}.get(kind, {})
    picture = read(saved(first, kind, save_all=True, append_images=others, **options))
    assert picture.frames == 3
    np.testing.assert_array_equal(picture.gray, grays[0])


def test_previews_in_a_cameras_jpeg_are_no_frames() -> None:
    image = Image.fromarray(noise(np.uint8, 8, 8, 3))
    assert read(saved(image, "MPO", save_all=True, append_images=[image])).frames == 1


def test_a_thousand_pages_are_counted_and_no_more() -> None:
    pages = tiff(np.zeros((1200, 1, 1), np.uint8), photometric="minisblack")
    assert read(pages).frames == 1000


# ----------------------------------------------------------------------------- size


@pytest.mark.parametrize("size", [(1, 1), (1, 20000), (20000, 1)])
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
def test_smallest_and_thinnest_pictures_are_pictures(size: tuple[int, int], suffix: str) -> None:
    picture = read(encode_picture(noise(np.uint8, *size, 3), None, suffix, None))
    assert picture.gray.shape == size


def test_a_picture_of_no_pixels_is_refused() -> None:
    refusal(png_header(0, 0) + png_chunk(b"IDAT", zlib.compress(b"")) + png_chunk(b"IEND", b""))


def test_the_limit_is_the_callers_and_pillows_own_is_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content = opencv(".png", noise(np.uint8, 20, 30))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    assert read(content, 600).gray.shape == (20, 30)
    assert "megapixels" in refusal(content, 599)
    assert Image.MAX_IMAGE_PIXELS == 10


def bombs() -> dict[str, bytes]:
    """Small files whose headers speak of 300 megapixels, or of little and mean more."""
    little = Image.fromarray(noise(np.uint8, 16, 16))
    jpeg, gif, bmp = (bytearray(saved(little, kind)) for kind in ("JPEG", "GIF", "BMP"))
    struct.pack_into(">HH", jpeg, jpeg.index(b"\xff\xc0") + 5, 20000, 15000)
    struct.pack_into("<HH", gif, 6, 20000, 15000)
    struct.pack_into("<ii", bmp, 18, 20000, 15000)
    canvas = b"VP8X" + struct.pack("<I", 10) + bytes(4) + (16382).to_bytes(3, "little") * 2
    body = b"WEBP" + canvas + saved(little, "WEBP")[12:]
    strips = tiff(noise(np.uint8, 16, 16), photometric="minisblack")
    tiles = tiff(noise(np.uint8, 16, 16), tile=(16, 16), photometric="minisblack")
    huge = with_tiff_entry(strips, tiff_entry(strips, 256), value=20000)
    wide_tile = with_tiff_entry(tiles, tiff_entry(tiles, 322), value=20000)
    return {
        "PNG": png_header(20000, 15000) + png_chunk(b"IDAT", zlib.compress(bytes(1000))),
        "JPEG": bytes(jpeg),
        "GIF": bytes(gif),
        "BMP": bytes(bmp),
        "WebP": b"RIFF" + struct.pack("<I", len(body)) + body,
        "TIFF": with_tiff_entry(huge, tiff_entry(huge, 257), value=15000),
        "TIFF's tile": with_tiff_entry(wide_tile, tiff_entry(wide_tile, 323), value=15000),
    }


@pytest.mark.parametrize("kind", bombs())
def test_bombs_are_refused_from_the_header(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    content = bombs()[kind]

    def decoded(*_: object) -> None:
        raise ValueError("its pixels are decoded")

    for library, decoder in (
        (cv2, "imdecode"),
        (Image.Image, "load"),
        (ImageFile.ImageFile, "load"),
    ):
        monkeypatch.setattr(library, decoder, decoded)
    assert "more than 100 megapixels" in refusal(content, 10**8)


def test_a_tiff_that_has_two_sizes_for_two_libraries_is_refused() -> None:
    content = tiff(noise(np.uint16, 16, 16, 3), photometric="rgb", subfiletype=1)
    read(content)
    lying = with_tiff_entry(content, tiff_entry(content, 254), tag=256, value=30000)
    with pytest.raises(UserError, match="damaged") as caught:
        read(lying)
    assert "twice" in str(caught.value.__cause__)  # found before a library decoded either


def test_text_packed_beyond_measure_is_refused() -> None:
    text = b"Comment\0\0" + zlib.compress(bytes(10**7))
    refusal(png_with_chunk(opencv(".png", noise(np.uint8, 4, 4)), b"zTXt", text))


def test_a_file_too_large_for_its_limit_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "sparse.tif"
    with path.open("wb") as file:
        file.truncate(10**11)
    assert "MB is too large for a picture" in refusal(path)


# ----------------------------------------------------------------------------- no pictures


def test_a_file_is_read_from_its_path(tmp_path: Path) -> None:
    gray = noise(np.uint8, 7, 5)
    path = tmp_path / "no suffix"
    path.write_bytes(opencv(".png", gray))
    np.testing.assert_array_equal(read_picture(path, "photo", LIMIT).gray, gray)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    assert "folder" in refusal(tmp_path)
    assert "No such file" in refusal(tmp_path / "missing.png")
    os.mkfifo(tmp_path / "pipe.png")
    assert "regular file" in refusal(tmp_path / "pipe.png")  # and does not wait for a writer
    assert "regular file" in refusal(Path("/dev/zero"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "secret.png"
    path.write_bytes(opencv(".png", noise(np.uint8, 4, 4)))
    path.chmod(0)
    assert "Permission denied" in refusal(path)


@pytest.mark.parametrize(
    "content",
    [b"text\n" * 99, b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", b"<svg/>", bytes(99)],
)
def test_what_is_no_picture_is_refused(content: bytes) -> None:
    assert "not a picture" in refusal(content)


def test_empty_files_are_refused() -> None:
    assert "empty" in refusal(b"")


def test_libraries_do_not_speak_to_the_user(capfd: pytest.CaptureFixture) -> None:
    jpeg = bytearray(opencv(".jpg", noise(np.uint8, 64, 64, 3)))
    jpeg[700:720] = bytes(20)
    read(bytes(jpeg))  # libjpeg: "Corrupt JPEG data"
    lzw = saved(Image.fromarray(noise(np.uint8, 64, 64)), "TIFF", compression="tiff_lzw")
    refusal(lzw[:8] + bytes(400) + lzw[408:])
    png = opencv(".png", noise(np.uint16, 64, 64, 3))
    refusal(png[: len(png) // 2])
    os.write(2, b"our own\n")
    assert capfd.readouterr().err == "our own\n"


# ----------------------------------------------------------------------------- writing


@pytest.mark.parametrize("suffix", [".png", ".tif", ".TIFF", ".webp"])
@pytest.mark.parametrize("with_alpha", [False, True])
def test_lossless_formats_give_back_every_bit(suffix: str, with_alpha: bool) -> None:
    for dtype in (np.uint8,) if suffix == ".webp" else (np.uint8, np.uint16):
        bgr, alpha = noise(dtype, 20, 24, 3), noise(dtype, 20, 24) if with_alpha else None
        if with_alpha:
            alpha[:10] = 0  # the colour of clear pixels is kept, too
        content = encode_picture(bgr, alpha, suffix, None)
        pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(pixels[..., :3], bgr)
        assert pixels.dtype == dtype
        assert pixels.shape[2] == (4 if with_alpha else 3)
        if with_alpha:
            np.testing.assert_array_equal(pixels[..., 3], alpha)
            np.testing.assert_array_equal(read(content).alpha, alpha)


def test_lossless_tiff_is_compressed() -> None:
    flat = np.zeros((200, 200, 3), np.uint16)
    assert len(encode_picture(flat, None, ".tif", None)) < flat.nbytes / 10


def test_jpeg_lies_on_white() -> None:
    bgr = np.full((16, 16, 3), 40, np.uint16) * 257
    alpha = np.full((16, 16), 65535, np.uint16)
    alpha[:, :8] = 0
    gray = read(encode_picture(bgr, alpha, ".jpg", 100)).gray
    assert np.abs(gray[:, :8].astype(int) - 255).max() < 3
    assert np.abs(gray[:, 8:].astype(int) - 40).max() < 3
    alpha[:] = 32768
    gray = read(encode_picture(bgr, alpha, ".jpg", 100)).gray
    assert np.abs(gray.astype(int) - (40 + 255) / 2).max() < 3


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_16_bits_are_rounded_to_8(suffix: str) -> None:
    for level, rounded in ((128, 0), (129, 1), (257 * 90 + 128, 90), (257 * 90 + 129, 91)):
        bgr = np.full((16, 16, 3), level, np.uint16)
        content = encode_picture(bgr, None, suffix, 100 if suffix == ".jpg" else None)
        assert (read(content).gray == rounded).all()


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_quality_decides_the_size(suffix: str) -> None:
    bgr = cv2.resize(noise(np.uint8, 30, 30, 3), (120, 120))
    sizes = [len(encode_picture(bgr, None, suffix, quality)) for quality in (20, 80, 100)]
    assert sizes == sorted(set(sizes))
    by_default = encode_picture(bgr, None, suffix, None)
    if suffix == ".jpg":
        assert by_default == encode_picture(bgr, None, suffix, 95)
    else:
        assert (read(by_default).gray == cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY)).all()


def test_what_can_be_written_can_be_read_again() -> None:
    assert set(WRITABLE_SUFFIXES) <= set(READABLE_SUFFIXES)
    for suffix in WRITABLE_SUFFIXES:
        assert read(encode_picture(noise(np.uint8, 4, 4, 3), None, suffix, None)).was_color


def test_formats_that_cannot_hold_the_picture_are_refused(tmp_path: Path) -> None:
    long = np.zeros((1, 16384, 3), np.uint8)
    for name, word in (("a.webp", "16,383"), ("a.bmp", r"\.bmp"), ("a", "suffix")):
        with pytest.raises(UserError, match=word) as caught:
            write_picture(tmp_path / name, long, None, None)
        assert str(tmp_path / name) in str(caught.value)
    with pytest.raises(UserError, match="65,500"):
        encode_picture(np.zeros((65501, 1, 3), np.uint8), None, ".JPG", None)
    assert list(tmp_path.iterdir()) == []


def test_a_picture_is_written_whole_over_an_older_one_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "face.png"
    path.write_text("older")
    bgr = noise(np.uint8, 7, 5, 3)
    write_picture(path, bgr, None, None)
    assert read_picture(path, "face", LIMIT).was_color
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(UserError, match="cannot write"):
        write_picture(tmp_path / "missing" / "face.png", bgr, None, None)


def test_colours_are_read_upright_and_in_eight_bits(tmp_path: Path) -> None:
    bgr = np.random.default_rng(5).integers(0, 256, (20, 30, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "deep.png"), bgr.astype(np.uint16) * 257)
    cv2.imwrite(str(tmp_path / "clear.png"), np.dstack([bgr, bgr[..., :1]]))
    for name in ("deep.png", "clear.png"):
        assert np.array_equal(read_color(tmp_path / name, 10**6), bgr)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    Image.fromarray(bgr[..., ::-1]).save(tmp_path / "turned.png", exif=exif)
    assert np.array_equal(read_color(tmp_path / "turned.png", 10**6), np.rot90(bgr, -1))


def test_a_picture_in_gray_has_no_colours(tmp_path: Path) -> None:
    gray = np.random.default_rng(5).integers(0, 256, (20, 30), np.uint8)
    for name, pixels in (("l.png", gray), ("rgb.png", cv2.merge([gray] * 3))):
        cv2.imwrite(str(tmp_path / name), pixels)
        assert read_color(tmp_path / name, 10**6) is None
    Image.fromarray(gray).save(tmp_path / "lossy.webp", quality=50)
    assert np.ptp(np.array(Image.open(tmp_path / "lossy.webp")), axis=2).max() == 1
    assert read_color(tmp_path / "lossy.webp", 10**6) is None
    assert not read_picture(tmp_path / "lossy.webp", "photo", 10**6).was_color
    with pytest.raises(UserError, match=r"none.png: cannot be read"):
        read_color(tmp_path / "none.png", 10**6)
