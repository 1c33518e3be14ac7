"""CelebA's images: how one becomes a face, and which files are refused."""

import os

import cv2
import numpy as np
import pytest

from colorgan.errors import UserError
from colorgan.faces.celeba.aligned import FaceDecoder, UnusableImageError, aligned_image


def picture(seed: int, width: int = 178, height: int = 218) -> np.ndarray:
    """A smooth colored picture, uint8 (height, width, 3)."""
    coarse = np.random.default_rng(seed).integers(0, 256, (7, 6, 3), np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def encoded(image: np.ndarray, extension: str = ".jpg") -> bytes:
    return cv2.imencode(extension, image)[1].tobytes()


JPEG = encoded(picture(0))
GRAY = cv2.cvtColor(picture(0), cv2.COLOR_BGR2GRAY)


def decode(data: bytes, size: int = 64) -> np.ndarray:
    face = np.empty((3, size, size), np.uint8)
    with FaceDecoder(size) as decoder:
        decoder.decode(data, face)
    return face


@pytest.mark.parametrize("size", [64, 100])
@pytest.mark.parametrize("extension", [".jpg", ".png"])
def test_a_face_is_the_centered_square_averaged_down(size: int, extension: str) -> None:
    data = encoded(picture(3), extension)
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    expected = cv2.resize(image[20:198, 0:178], (size, size), interpolation=cv2.INTER_AREA)
    assert np.array_equal(decode(data, size), expected.transpose(2, 0, 1))


def damaged_in_the_middle() -> bytes:
    data = bytearray(encoded(np.random.default_rng(0).integers(0, 256, (218, 178, 3), np.uint8)))
    middle = len(data) // 2
    data[middle : middle + 40] = b"\xff\xd0" * 20
    return bytes(data)


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("empty", b""),
        ("truncated", JPEG[: len(JPEG) // 2]),
        ("truncated", JPEG[:-2]),
        ("truncated", JPEG[: len(JPEG) // 2] + bytes(len(JPEG) // 2)),
        ("corrupt", JPEG[: len(JPEG) // 2] + b"\xff\xd9"),
        ("corrupt", damaged_in_the_middle()),
        ("not an image", b"<html>Quota exceeded</html>"),
        ("not an image", b"\xff\xd8" + bytes(50) + b"\xff\xd9"),
        ("wrong size", encoded(picture(0, width=218, height=178))),
        ("wrong size", encoded(picture(0, width=64, height=64))),
        ("wrong size", encoded(GRAY[:100, :100])),
        ("grayscale", encoded(GRAY)),
        ("grayscale", encoded(cv2.cvtColor(GRAY, cv2.COLOR_GRAY2BGR))),
    ],
)
def test_an_unusable_file_is_named_by_its_defect(kind: str, data: bytes) -> None:
    with pytest.raises(UnusableImageError) as defect:
        decode(data)
    assert defect.value.kind == kind
    assert "\n" not in str(defect.value) and str(defect.value)


def test_a_truncated_png_is_refused() -> None:
    data = encoded(picture(0), ".png")
    with pytest.raises(UnusableImageError) as defect:
        decode(data[: len(data) // 2])
    assert defect.value.kind in ("not an image", "corrupt")


def test_one_damaged_file_does_not_taint_the_next() -> None:
    face = np.empty((3, 64, 64), np.uint8)
    with FaceDecoder(64) as decoder:
        for data in (JPEG[: len(JPEG) // 2] + b"\xff\xd9", b"", damaged_in_the_middle()):
            with pytest.raises(UnusableImageError):
                decoder.decode(data, face)
            decoder.decode(JPEG, face)
    assert np.array_equal(face, decode(JPEG))


def test_the_decoder_gives_standard_error_back(capfd: pytest.CaptureFixture) -> None:
    with pytest.raises(UnusableImageError):
        decode(damaged_in_the_middle())
    os.write(2, b"here again")
    assert capfd.readouterr().err == "here again"


def test_an_aligned_image_is_decoded_whole_and_any_other_is_named() -> None:
    data = encoded(picture(3), ".png")
    assert np.array_equal(aligned_image(data, "image 3"), picture(3))
    for other in (b"", b"no image", encoded(picture(3, width=177))):
        with pytest.raises(UserError, match="^image 4 is not an image of aligned CelebA$"):
            aligned_image(other, "image 4")
