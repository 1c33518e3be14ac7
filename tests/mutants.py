"""Valid pictures of every format that is read, and thousands of damaged ones.

Run as a program, with the numbers of the first mutant and of how many, this file reads mutants in
its own process and prints what is wrong; a crash of a C library ends that process, not the tests.
"""

import io
import random
import resource
import struct
import sys
import traceback
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pillow_heif
import tifffile
from PIL import Image

from colorgan.errors import UserError
from colorgan.photos.pictures.encoding import WRITABLE_SUFFIXES, encode_picture
from colorgan.photos.pictures.reading import Picture, read_picture

MUTANTS = 7000
MAX_PIXELS = 1_000_000
ROOM = 512 << 20  # bytes of address space that reading may take on top of the libraries'
HEIGHT, WIDTH = 20, 24
ADAM7 = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2),
         (1, 0, 2, 1)]  # fmt: skip


# ----------------------------------------------------------------------------- valid pictures


def seeds() -> dict[str, bytes]:
    """One small valid file of every kind of header that the libraries parse in their own way."""
    random_state = np.random.default_rng(1)
    color = random_state.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    wide = random_state.integers(0, 65536, (HEIGHT, WIDTH, 3), np.uint16)
    rgb, gray = Image.fromarray(color), Image.fromarray(color[..., 0])
    rgba = Image.fromarray(np.dstack([color, color[..., 0]]))
    exif = Image.Exif()
    exif.update({0x0112: 6, 0x010F: "maker"})  # orientation
    return {
        "gray JPEG": pillow(gray, "JPEG"),
        "progressive JPEG": pillow(rgb, "JPEG", progressive=True),
        "CMYK JPEG": pillow(rgb.convert("CMYK"), "JPEG"),
        "turned JPEG": pillow(rgb, "JPEG", exif=exif),
        "MPO": pillow(rgb, "MPO", save_all=True, append_images=[rgb]),
        "RGBA PNG": pillow(rgba, "PNG", exif=exif),
        "16-bit PNG": cv2.imencode(".png", wide)[1].tobytes(),
        "16-bit gray PNG": cv2.imencode(".png", wide[..., 0])[1].tobytes(),
        "palette PNG": pillow(rgb.quantize(16), "PNG", transparency=3),
        "bilevel PNG": pillow(gray.convert("1"), "PNG"),
        "interlaced PNG": interlaced_png(color),
        "animated PNG": pillow(rgb, "PNG", save_all=True, append_images=[rgba.convert("RGB")]),
        "LZW TIFF": pillow(rgb, "TIFF", compression="tiff_lzw", exif=exif),
        "16-bit TIFF": cv2.imencode(".tiff", wide)[1].tobytes(),
        "tiled TIFF": tiff(color, tile=(16, 16), compression="zlib"),
        "16-bit tiled TIFF": tiff(wide, tile=(16, 16), compression="zlib", byteorder=">"),
        "TIFF of planes": tiff(np.moveaxis(color, 2, 0), planarconfig="separate"),
        "BigTIFF": tiff(wide, bigtiff=True, rowsperstrip=3),
        "TIFF of pages": tiff(np.stack([color] * 3), photometric="rgb"),
        "CMYK TIFF": pillow(rgb.convert("CMYK"), "TIFF"),
        "JPEG TIFF": pillow(rgb, "TIFF", compression="jpeg"),
        "fax TIFF": pillow(gray.convert("1"), "TIFF", compression="group4"),
        "WebP": pillow(rgb, "WEBP", exif=exif),
        "lossless WebP": pillow(rgba, "WEBP", lossless=True),
        "animated WebP": pillow(rgb, "WEBP", save_all=True, append_images=[rgba.convert("RGB")]),
        "GIF": pillow(gray, "GIF"),
        "animated GIF": pillow(rgb, "GIF", save_all=True, append_images=[gray], transparency=0),
        "BMP": pillow(rgb, "BMP"),
        "palette BMP": pillow(rgb.quantize(16), "BMP"),
        "PPM": pillow(rgb, "PPM"),
        "16-bit PPM": b"P6 24 20 65535\n" + wide.astype(">u2").tobytes(),
        "plain PGM": b"P2 3 2 255\n0 1 2\n3 4 9\n",
        "HEIC": heic(rgb, exif=exif.tobytes()),
        "HEIC of 10 bits": heic(wide),
        "AVIF": pillow(rgb, "AVIF", exif=exif),
        "transparent AVIF": pillow(rgba, "AVIF"),
        "AVIF of 10 bits": opencv(".avif", wide >> 6, cv2.IMWRITE_AVIF_DEPTH, 10),
        "JPEG 2000": pillow(rgb, "JPEG2000"),
        "gray JPEG 2000": pillow(gray, "JPEG2000", no_jp2=True),
        "JPEG 2000 of 16 bits": opencv(".jp2", cv2.resize(wide, (64, 64))),
        "gray JPEG 2000 of 16 bits": pillow(Image.fromarray(wide[..., 0]), "JPEG2000"),
        "TGA": pillow(rgba, "TGA")[:-26],
        "packed TGA": pillow(gray, "TGA", compression="tga_rle"),
        "PCX": pillow(rgb, "PCX"),
        "ICO": pillow(rgba, "ICO", sizes=[(16, 16), (24, 20)]),
        "ICO of bitmaps": pillow(rgb, "ICO", bitmap_format="bmp", sizes=[(24, 20)]),
        "PSD": psd(color),
    }


def heic(pixels: Image.Image | np.ndarray, **options: object) -> bytes:
    """A HEIC, by pillow-heif; of 10 bits where the pixels are of 16."""
    content = io.BytesIO()
    if isinstance(pixels, np.ndarray):
        file = pillow_heif.from_bytes("RGB;16", pixels.shape[1::-1], pixels.tobytes())
    else:
        file = pillow_heif.from_pillow(pixels)
    file.save(content, quality=-1, **options)  # without loss, as far as its colours are
    return content.getvalue()


def psd(rgb: np.ndarray, resources: bytes = b"") -> bytes:
    """A Photoshop file of one layer."""
    head = struct.pack(">4sH6xHIIHH", b"8BPS", 1, 3, *rgb.shape[:2], 8, 3)
    sections = struct.pack(">II", 0, len(resources)) + resources + bytes(4)
    return head + sections + bytes(2) + np.moveaxis(rgb, 2, 0).tobytes()


def opencv(suffix: str, pixels: np.ndarray, *options: int) -> bytes:
    return cv2.imencode(suffix, pixels, options)[1].tobytes()


def pillow(image: Image.Image, format_name: str, **options: object) -> bytes:
    content = io.BytesIO()
    image.save(content, format_name, **options)
    return content.getvalue()


def tiff(pixels: np.ndarray, **options: object) -> bytes:
    content = io.BytesIO()
    options.setdefault("photometric", "rgb")
    tifffile.imwrite(content, pixels, metadata=None, **options)
    return content.getvalue()


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def interlaced_png(rgb: np.ndarray) -> bytes:
    height, width = rgb.shape[:2]
    passes = [rgb[top::down, left::right] for top, left, down, right in ADAM7]
    rows = [b"\0" + row.tobytes() for part in passes for row in part]
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 1)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"".join(rows))), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*chunk) for chunk in chunks)


# ----------------------------------------------------------------------------- damage


def position(chance: random.Random, content: bytes) -> int:
    """A place in the file; every other time in its first 64 bytes, where the header is."""
    return chance.randrange(len(content) if chance.random() < 0.5 else min(64, len(content)))


def change_bytes(chance: random.Random, content: bytes) -> bytes:
    changed = bytearray(content)
    for _ in range(chance.randint(1, 8)):
        changed[position(chance, content)] = chance.choice(
            [0, 1, 127, 128, 255, chance.getrandbits(8)]
        )
    return bytes(changed)


def change_number(chance: random.Random, content: bytes) -> bytes:
    """Write a number that sizes, counts and offsets trip over."""
    width = chance.choice([2, 4])
    top = 256**width
    number = chance.choice([0, 1, 2, top - 1, top // 2, top // 2 - 1, len(content), 65535 % top])
    at = position(chance, content)
    return (
        content[:at]
        + number.to_bytes(width, chance.choice(["big", "little"]))
        + content[at + width :]
    )


def truncate(chance: random.Random, content: bytes) -> bytes:
    return content[: chance.randrange(len(content))]


def move_slice(chance: random.Random, content: bytes) -> bytes:
    """Leave a slice out, or repeat it."""
    at, length = position(chance, content), chance.randint(1, 64)
    return (
        content[:at]
        + content[at : at + length] * chance.choice([0, 2, 20])
        + content[at + length :]
    )


def change_structure(chance: random.Random, content: bytes) -> bytes:
    """Change a PNG's chunk and correct its checksum, or an entry of a TIFF's directory."""
    if content.startswith(b"\x89PNG"):
        return b"\x89PNG\r\n\x1a\n" + b"".join(changed_chunks(chance, content))
    if content[:4] == b"II*\0":
        return change_entry(chance, content)
    return change_number(chance, content)


def changed_chunks(chance: random.Random, content: bytes) -> Iterator[bytes]:
    at = 8
    while at < len(content):
        length = struct.unpack_from(">I", content, at)[0]
        kind, body = content[at + 4 : at + 8], content[at + 8 : at + 8 + length]
        if body and chance.random() < 0.5:
            body = chance.choice([change_bytes, change_number, truncate])(chance, body)
        yield png_chunk(kind, body) * chance.choice([1, 1, 1, 1, 0, 2])
        at += length + 12


def change_entry(chance: random.Random, content: bytes) -> bytes:
    changed = bytearray(content)
    directory = struct.unpack_from("<I", content, 4)[0]
    count = struct.unpack_from("<H", content, directory)[0]
    entry = directory + 2 + 12 * chance.randrange(count)
    field, number = chance.choice(
        [(0, chance.randrange(254, 340)), (2, chance.randrange(20)), (4, chance.getrandbits(32)),
         (4, chance.randrange(9)), (8, chance.getrandbits(32)), (8, chance.randrange(40))]
    )  # fmt: skip
    struct.pack_into("<H" if field < 4 else "<I", changed, entry + field, number)
    return bytes(changed)


def mutant(valid: list[bytes], number: int) -> bytes:
    """The damaged file of a number, always the same."""
    chance = random.Random(number)
    content = valid[number % len(valid)]
    blind = [change_bytes, change_number, truncate, move_slice]
    content = chance.choice([*blind, change_structure, change_structure])(chance, content)
    if content and chance.random() < 0.5:
        content = chance.choice(blind)(chance, content)
    return content


# ----------------------------------------------------------------------------- the verdict


def fault(content: bytes) -> str | None:
    """What is wrong with how a file is read, or None."""
    try:
        picture = read_picture(content, "mutant", MAX_PIXELS)
    except UserError as error:
        text = str(error)
        return None if text.startswith("mutant: ") and len(text.splitlines()) == 1 else repr(text)
    except BaseException:
        return traceback.format_exc()
    if picture.gray.dtype not in (np.uint8, np.uint16) or picture.gray.size > MAX_PIXELS:
        return f"{picture.gray.dtype} {picture.gray.shape}"
    if picture.alpha is not None and picture.alpha.shape != picture.gray.shape:
        return f"alpha {picture.alpha.shape} of {picture.gray.shape}"
    return fault_of_result(picture, WRITABLE_SUFFIXES[len(content) % len(WRITABLE_SUFFIXES)])


def fault_of_result(picture: Picture, suffix: str) -> str | None:
    """What is wrong with a small result that carries what a file says of itself."""
    bgr = np.zeros((8, 8, 3), np.uint8)
    try:
        result = encode_picture(bgr, None, suffix, None, picture.metadata)
        again = read_picture(result, "result", MAX_PIXELS)
    except BaseException:
        return traceback.format_exc()
    kept = picture.metadata.exif is None or not picture.metadata.exif.tags or again.metadata.exif
    told = again.metadata.left_out or (not kept and "no EXIF")
    return f"{suffix}: {told}" if again.gray.any() or told else None


def read_mutants(first: int, count: int) -> None:
    """Read mutants in little memory; print the number of each, and after it what is wrong."""
    warnings.simplefilter("error")
    valid = list(seeds().values())
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + ROOM,) * 2)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(first, first + count):
        print(number, flush=True, end=" ")
        print(fault(mutant(valid, number)) or "")
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(f"{used // 1024} MB")


if __name__ == "__main__":
    read_mutants(*map(int, sys.argv[1:]))
