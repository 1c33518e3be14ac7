"""The images of CelebA as people have them: what is found, in which order, and what is refused."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from colorgan.errors import UserError
from colorgan.faces.celeba.aligned import UnusableImageError
from colorgan.faces.celeba.images import ImageReader, ImageSource, open_source

JPEG = bytes(range(256)) * 8


def content(number: int) -> bytes:
    """What stands in for an image file, whose pixels nobody here looks at."""
    return b"%06d" % number * 100


@pytest.fixture(params=["folder", "stored zip", "deflated zip"])
def source_path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Images 2, 10 and 7 in a nested folder, or a zip of it, among other files."""
    images = tmp_path / "celeba" / "img_align_celeba"
    images.mkdir(parents=True)
    for number in (10, 2, 7):
        (images / f"{number:06d}.jpg").write_bytes(content(number))
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
    with ImageReader(source.containers) as reader:
        contents = [reader.read(entry) for entry in source.index.tolist()]
    assert contents == [content(number) for number in (2, 7, 10)]


def test_missing_numbers_are_separated_from_those_there(source_path: Path) -> None:
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
    with ImageReader([path]) as reader:
        assert reader.read(source.index.tolist()[0]) == JPEG


def test_a_zip_member_with_a_flipped_bit_is_corrupt(tmp_path: Path) -> None:
    path = tmp_path / "faces.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("000001.jpg", JPEG)
    data = bytearray(path.read_bytes())
    data[300] ^= 1
    path.write_bytes(data)
    source = open_source(path)
    with (
        ImageReader([path]) as reader,
        pytest.raises(UnusableImageError, match="checksum") as defect,
    ):
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


def test_the_checksum_of_a_zip_differs_for_images_of_equal_size(tmp_path: Path) -> None:
    checksums = set()
    for content in (JPEG, JPEG[::-1]):
        with zipfile.ZipFile(tmp_path / "images.zip", "w") as archive:
            archive.writestr("000001.jpg", content)
        checksums.add(open_source(tmp_path / "images.zip").checksum()["sha256"])
    assert len(checksums) == 2


def put(path: Path, *numbers: int) -> None:
    for number in numbers:
        path.mkdir(parents=True, exist_ok=True)
        (path / f"{number:06d}.jpg").write_bytes(content(number))


def read_all(source: ImageSource) -> dict[int, bytes]:
    with ImageReader(source.containers) as reader:
        return {entry[0]: reader.read(entry) for entry in source.index.tolist()}


def test_two_images_of_one_number_are_refused(tmp_path: Path) -> None:
    put(tmp_path / "img_align_celeba", 4, 5)
    put(tmp_path / "img_celeba", 5)
    (tmp_path / "img_celeba/000005.jpg").write_bytes(b"other")
    names = "img_align_celeba/000005.jpg and .*img_celeba/000005.jpg"
    with pytest.raises(UserError, match=f"{names} have the same number but differ"):
        open_source(tmp_path)


def test_an_image_that_is_there_twice_counts_once(tmp_path: Path) -> None:
    put(tmp_path / "part 1", 1, 2, 3)
    put(tmp_path / "part 2", 3, 4, 2)
    assert read_all(open_source(tmp_path)) == {number: content(number) for number in (1, 2, 3, 4)}


def test_links_to_folders_are_followed_and_circles_are_none(tmp_path: Path) -> None:
    put(tmp_path / "disk/faces", 1, 2)
    put(tmp_path / "celeba/more", 3)
    (tmp_path / "celeba/first").symlink_to(tmp_path / "disk/faces")
    (tmp_path / "celeba/first again").symlink_to(tmp_path / "disk/faces")
    (tmp_path / "celeba/more/up").symlink_to(tmp_path / "celeba")
    (tmp_path / "disk/faces/up").symlink_to(tmp_path / "disk")
    (tmp_path / "celeba/000004.jpg").symlink_to(tmp_path / "disk/faces/000001.jpg")
    source = open_source(tmp_path / "celeba")
    assert source.index["number"].tolist() == [1, 2, 3, 4]
    assert read_all(source)[4] == content(1)


def test_what_is_out_of_reach_is_reported_and_the_rest_is_found(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    put(tmp_path, 1, 2)
    (tmp_path / "000003.jpg").symlink_to(tmp_path / "nowhere.jpg")
    assert open_source(tmp_path).index["number"].tolist() == [1, 2]
    told = capsys.readouterr().err
    place = tmp_path / "000003.jpg"
    assert told == f"colorgan: {place}: cannot be read (No such file or directory): left out\n"
    (tmp_path / "000004.jpg").symlink_to("000004.jpg")
    os.mkfifo(tmp_path / "000005.jpg")
    assert open_source(tmp_path).index["number"].tolist() == [1, 2]
    assert "000003.jpg: cannot be read" in (told := capsys.readouterr().err)
    assert "nor can 2 more files or folders: left out" in told and told.count("\n") == 1


def test_a_folder_that_may_not_be_entered_is_reported(tmp_path: Path) -> None:
    put(tmp_path, 1, 2)
    put(tmp_path / "closed", 3)
    (tmp_path / "closed").chmod(0)
    code = "from colorgan.faces.celeba.images import *; print(open_source(Path()))"
    words = [sys.executable, "-c", code]
    if os.geteuid() == 0:  # who may enter every folder, by these two capabilities
        words = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", *words]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stderr.endswith("closed: cannot be read (Permission denied): left out\n")
    assert "000001.jpg" in done.stdout and "000003.jpg" not in done.stdout


def test_what_systems_leave_in_folders_is_no_image(tmp_path: Path) -> None:
    put(tmp_path, 1)
    (tmp_path / "000002.JPG").write_bytes(content(2))
    for name in ("._000001.jpg", "._000003.jpg", "Thumbs.db", ".DS_Store", "desktop.ini"):
        (tmp_path / name).write_bytes(b"no image")
    for folder in ("__MACOSX", "@eaDir/000001.jpg", ".Trash-1000/files"):
        put(tmp_path / folder, 9)
    assert read_all(open_source(tmp_path)) == {1: content(1), 2: content(2)}
    with zipfile.ZipFile(tmp_path / "faces.zip", "w") as archive:
        archive.writestr("faces/000001.JPG", content(1))
        archive.writestr("__MACOSX/faces/._000001.JPG", b"no image")
        archive.writestr("__MACOSX/faces/000009.JPG", b"no image")
    assert read_all(open_source(tmp_path / "faces.zip")) == {1: content(1)}


def test_a_source_without_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no image"):
        open_source(tmp_path)
    with pytest.raises(UserError, match="no such folder or zip"):
        open_source(tmp_path / "absent")
    half = tmp_path / "half.zip"
    half.write_bytes(b"PK\x03\x04" + bytes(100))
    with pytest.raises(UserError, match="neither a folder nor a complete zip"):
        open_source(half)
