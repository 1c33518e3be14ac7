"""The CelebA source: what is found, in which order, and which image files are refused."""

import os
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from colorgan.errors import UserError
from colorgan.faces.celeba import (
    FaceDecoder,
    UnusableImageError,
    open_reader,
    open_source,
    read_partition,
)


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


@pytest.fixture(params=["folder", "stored zip", "deflated zip"])
def source_path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Images 2, 10 and 7 in a nested folder, or a zip of it, among other files."""
    images = tmp_path / "celeba" / "img_align_celeba"
    images.mkdir(parents=True)
    for number in (10, 2, 7):
        (images / f"{number:06d}.jpg").write_bytes(encoded(picture(number)))
    for name in ("README.txt", "._000002.jpg", "000003.jpg.part", "face.jpg"):
        (images / name).write_bytes(b"no image")
    if request.param == "folder":
        return tmp_path / "celeba"
    path = tmp_path / "img_align_celeba.zip"
    method = zipfile.ZIP_STORED if request.param == "stored zip" else zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.comment = b"a comment at the end"
        for file in sorted(images.iterdir(), reverse=True):
            archive.write(file, f"img_align_celeba/{file.name}")
    return path


def test_images_are_found_in_number_order_at_any_depth(source_path: Path) -> None:
    source = open_source(source_path)
    assert source.index["number"].tolist() == [2, 7, 10]
    with open_reader(source.path) as reader:
        contents = [reader.read(entry) for entry in source.index.tolist()]
    assert contents == [encoded(picture(number)) for number in (2, 7, 10)]


def test_missing_numbers_are_told_from_those_there(source_path: Path) -> None:
    entries, missing = open_source(source_path).find(np.array([1, 2, 8, 10, 99]))
    assert entries["number"].tolist() == [2, 10]
    assert missing.tolist() == [1, 8, 99]


def test_a_zip_member_whose_local_header_is_longer_is_read(tmp_path: Path) -> None:
    path = tmp_path / "faces.zip"
    with (
        zipfile.ZipFile(path, "w") as archive,
        archive.open("000001.jpg", "w", force_zip64=True) as member,
    ):
        member.write(JPEG)
    source = open_source(path)
    with open_reader(path) as reader:
        assert reader.read(source.index.tolist()[0]) == JPEG


def test_a_zip_member_with_a_flipped_bit_is_corrupt(tmp_path: Path) -> None:
    path = tmp_path / "faces.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("000001.jpg", JPEG)
    data = bytearray(path.read_bytes())
    data[300] ^= 1
    path.write_bytes(data)
    source = open_source(path)
    with open_reader(path) as reader, pytest.raises(UnusableImageError, match="checksum") as defect:
        reader.read(source.index.tolist()[0])
    assert defect.value.kind == "corrupt"


def test_the_checksum_changes_with_the_source(source_path: Path) -> None:
    before = open_source(source_path).checksum()
    assert open_source(source_path).checksum() == before
    if source_path.is_dir():
        (source_path / "img_align_celeba" / "000002.jpg").write_bytes(JPEG + b"x")
    else:
        with zipfile.ZipFile(source_path, "a") as archive:
            archive.writestr("000099.jpg", JPEG)
    assert open_source(source_path).checksum() != before


def test_the_checksum_of_a_zip_tells_images_of_equal_size_apart(tmp_path: Path) -> None:
    checksums = set()
    for content in (JPEG, JPEG[::-1]):
        with zipfile.ZipFile(tmp_path / "images.zip", "w") as archive:
            archive.writestr("000001.jpg", content)
        checksums.add(open_source(tmp_path / "images.zip").checksum()["sha256"])
    assert len(checksums) == 2


def test_an_image_number_found_twice_is_refused(tmp_path: Path) -> None:
    for folder in ("img_align_celeba", "img_celeba"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "000005.jpg").write_bytes(JPEG)
    with pytest.raises(UserError, match="000005.jpg and .*000005.jpg have the same number"):
        open_source(tmp_path)


def test_a_source_without_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no image"):
        open_source(tmp_path)
    with pytest.raises(UserError, match="no such folder or zip"):
        open_source(tmp_path / "absent")
    half = tmp_path / "half.zip"
    half.write_bytes(b"PK\x03\x04" + bytes(100))
    with pytest.raises(UserError, match="neither a folder nor a whole zip"):
        open_source(half)


@pytest.mark.parametrize(
    "text",
    [
        "000010.jpg 2\n000001.jpg 0\n000002.jpg 1\n000003.jpg 0\n",
        "image_id,partition\n000010.jpg,2\n000001.jpg,0\n000002.jpg,1\n000003.jpg,0\n",
    ],
)
def test_a_partition_list_gives_ascending_members(tmp_path: Path, text: str) -> None:
    path = tmp_path / "list.txt"
    path.write_text(text)
    partition = read_partition(path)
    members = [partition.members(number).tolist() for number in (0, 1, 2)]
    assert members == [[1, 3], [2], [10]]


def test_an_absent_partition_names_those_there(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("000001.jpg 0\n000002.jpg 1\n")
    with pytest.raises(UserError, match="no image of partition 2; partitions there: 0, 1"):
        read_partition(path).members(2)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("000001.jpg 0\n000002.jpg\n", "line 2: expected"),
        ("one.jpg 0\n", "line 1: expected"),
        ("000001.jpg train\n", "line 1: expected"),
        ("000001.jpg 0\n000001.jpg 2\n", "image 000001 twice"),
        ("\n", "lists no images"),
        ("\N{SNOWMAN}", "not a readable partition list"),
    ],
)
def test_a_broken_partition_list_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "list.txt"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=complaint):
        read_partition(path)
