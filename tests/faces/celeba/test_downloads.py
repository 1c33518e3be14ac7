"""CelebA is found in what people download, however that is laid out."""

import os
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from colorgan.errors import UserError
from colorgan.faces.celeba.downloads import (
    LANDMARKS,
    PARTITION,
    find_lists,
    landmark_list,
    partition_lists,
)
from colorgan.faces.celeba.images import ImageReader, open_source
from colorgan.faces.celeba.lists import read_partition

NUMBERS = range(1, 7)
TEXT = "".join(f"{number:06d}.jpg {number % 3}\n" for number in NUMBERS)
CSV = "image_id,partition\n" + TEXT.replace(" ", ",")


def content(number: int) -> bytes:
    """What stands in for an image file, whose pixels nobody here looks at."""
    return b"%06d" % number * 100


def put_zip(path: Path, members: dict[str, bytes | str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def put_files(folder: Path, members: dict[str, bytes | str]) -> Path:
    for name, data in members.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return folder


def images_in(folder: str, numbers: Iterable[int] = NUMBERS) -> dict[str, bytes]:
    return {f"{folder}/{number:06d}.jpg": content(number) for number in numbers}


def from_google_drive(root: Path) -> Path:
    put_zip(root / "Img/img_align_celeba.zip", images_in("img_align_celeba"))
    others = {"Img/img_celeba.7z/img_celeba.7z.001": b"7z", "Anno/list_attr_celeba.txt": "6\n"}
    lists = {"Eval/list_eval_partition.txt": TEXT, f"Anno/{LANDMARKS}.txt": "6\n"}
    return put_files(root, {**lists, **others})


def unpacked_from_google_drive(root: Path) -> Path:
    put_files(from_google_drive(root), images_in("Img/img_align_celeba"))
    (root / "Img/img_align_celeba.zip").unlink()
    return root


def from_kaggle(root: Path) -> Path:
    images = images_in("img_align_celeba/img_align_celeba")
    return put_files(root, {**images, "list_eval_partition.csv": CSV, f"{LANDMARKS}.csv": "x"})


def zip_from_kaggle(root: Path) -> Path:
    images = images_in("img_align_celeba/img_align_celeba")
    lists = {"list_eval_partition.csv": CSV, "__MACOSX/._list_eval_partition.csv": b"\0"}
    return put_zip(root / "archive.zip", {**images, **lists, f"{LANDMARKS}.csv": "x"})


def folder_of_the_zip_from_kaggle(root: Path) -> Path:
    return zip_from_kaggle(root).parent


def from_torchvision(root: Path) -> Path:
    members = images_in("img_align_celeba")
    put_zip(root / "celeba/img_align_celeba.zip", members)
    lists = {"list_eval_partition.txt": TEXT, "identity_CelebA.txt": "000001.jpg 2880\n"}
    return put_files(root / "celeba", {**members, **lists})


def in_parts(root: Path) -> Path:
    """Two archives and two lists side by side."""
    for tail, numbers in (("", NUMBERS[:4]), ("_more", NUMBERS[4:])):
        put_zip(root / f"img_align_celeba{tail}.zip", images_in("img_align_celeba", numbers))
        rows = "".join(TEXT.splitlines(True)[number - 1] for number in numbers)
        put_files(root, {f"list_eval_partition{tail}.txt": rows, "README.md": "parts"})
    return root


LAYOUTS = [
    from_google_drive,
    unpacked_from_google_drive,
    from_kaggle,
    zip_from_kaggle,
    folder_of_the_zip_from_kaggle,
    from_torchvision,
    in_parts,
]


def assert_whole(images: list[Path], lists: Iterable[Path]) -> None:
    source = open_source(*images)
    with ImageReader(source.containers) as reader:
        found = {entry[0]: reader.read(entry) for entry in source.index.tolist()}
    assert found == {number: content(number) for number in NUMBERS}
    assert read_partition(*lists).partitions.tolist() == [number % 3 for number in NUMBERS]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_was_downloaded_is_all_that_needs_to_be_named(
    layout: Callable[[Path], Path], tmp_path: Path
) -> None:
    root = layout(tmp_path / "download")
    assert_whole([root], partition_lists([root], []))
    assert_whole([root], find_lists(PARTITION, [root]))


@pytest.mark.parametrize(
    ("layout", "images"),
    [
        (from_google_drive, "Img/img_align_celeba.zip"),
        (from_google_drive, "Img"),
        (unpacked_from_google_drive, "Img/img_align_celeba"),
        (from_kaggle, "img_align_celeba"),
        (from_kaggle, "img_align_celeba/img_align_celeba"),
        (from_torchvision, "img_align_celeba.zip"),
        (from_torchvision, "img_align_celeba"),
    ],
)
def test_the_list_is_found_from_the_images_themselves(
    layout: Callable[[Path], Path], images: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    root = layout(tmp_path / "download")
    lists = partition_lists([root / images], [])
    assert_whole([root / images], lists)
    assert f"partition list: {lists[0]}\n" in capsys.readouterr().err


def test_a_relative_path_and_a_link_find_the_list_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = from_google_drive(tmp_path / "download")
    monkeypatch.chdir(root / "Img")
    assert find_lists(PARTITION, [Path("img_align_celeba.zip")]) == (
        root / "Eval/list_eval_partition.txt",
    )
    link = tmp_path / "elsewhere/faces.zip"
    link.parent.mkdir()
    link.symlink_to(root / "Img/img_align_celeba.zip")
    assert find_lists(PARTITION, [link]) == (root / "Eval/list_eval_partition.txt",)


def test_a_part_has_its_own_list_and_both_parts_have_both(tmp_path: Path) -> None:
    root = in_parts(tmp_path)
    one, two = root / "img_align_celeba.zip", root / "img_align_celeba_more.zip"
    first, second = root / "list_eval_partition.txt", root / "list_eval_partition_more.txt"
    assert find_lists(PARTITION, [one]) == (first,)
    assert find_lists(PARTITION, [two]) == (second,)
    assert find_lists(PARTITION, [one, two]) == (first, second)
    assert_whole([one, two], [first, second])
    assert_whole([root], [second, first])


def test_lists_that_are_named_are_taken(tmp_path: Path) -> None:
    root = from_kaggle(tmp_path)
    own = put_files(tmp_path / "own", {"my list": TEXT}) / "my list"
    assert partition_lists([root], [own]) == (own,)


def test_a_list_that_is_nowhere_is_reported_with_the_places_searched(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    images = put_zip(tmp_path / "CelebA/Img/faces.zip", images_in("faces"))
    (tmp_path / "CelebA/Eval").mkdir()
    with pytest.raises(UserError) as error:
        partition_lists([images], [images])
    told = str(error.value)
    assert told.startswith(f"no list_eval_partition.txt or .csv in {images}, {tmp_path}/CelebA/Img")
    assert f"{tmp_path}/CelebA/Eval" in told
    assert partition_lists([images], []) == ()
    assert capsys.readouterr().err == (
        f"colorgan: {told}; the lowest image numbers will train, and the next ones test\n"
    )


def test_lists_that_disagree_are_both_named(tmp_path: Path) -> None:
    root = from_kaggle(tmp_path)
    put_files(root, {"list_eval_partition.txt": TEXT})
    assert_whole([root], find_lists(PARTITION, [root]))
    put_files(root, {"list_eval_partition.txt": TEXT.replace("3.jpg 0", "3.jpg 2")})
    with pytest.raises(UserError, match=r"partition.csv has image 000003 .* 0, .*\.txt in 2; name"):
        read_partition(*find_lists(PARTITION, [root]))


def test_the_list_of_landmarks_is_found_and_must_be_one(tmp_path: Path) -> None:
    root = from_google_drive(tmp_path)
    assert landmark_list(root) == root / f"Anno/{LANDMARKS}.txt"
    archive = zip_from_kaggle(tmp_path / "kaggle")
    assert landmark_list(archive) == archive / f"{LANDMARKS}.csv"
    put_files(root, {f"{LANDMARKS}.csv": "x"})
    with pytest.raises(UserError, match="holds .*csv and .*txt; name one of them"):
        landmark_list(root)


def test_images_beside_archives_are_taken_and_the_archives_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    root = from_torchvision(tmp_path)
    assert open_source(root).containers == (root,)
    told = capsys.readouterr().err
    assert f"not those in {root}/img_align_celeba.zip;" in told and told.count("\n") == 1


def test_the_same_image_in_two_archives_counts_once_and_another_is_refused(tmp_path: Path) -> None:
    first = put_zip(tmp_path / "a.zip", images_in("one", [1, 2, 3]))
    second = put_zip(tmp_path / "b.zip", images_in("two", [3, 4, 5, 6]))
    unpacked = put_files(tmp_path / "folder", images_in("three", [2, 4]))
    lists = put_files(tmp_path, {"list": TEXT}) / "list"
    assert_whole([first, second, unpacked], [lists])
    put_files(unpacked, {"three/000004.jpg": b"other"})
    with pytest.raises(UserError) as error:
        open_source(first, second, unpacked)
    told = f"{second}/two/000004.jpg and {unpacked}/three/000004.jpg have the same number"
    assert str(error.value).startswith(told)


def test_archives_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    inner = put_zip(tmp_path / "inner/img_align_celeba.zip", images_in("img_align_celeba"))
    outer = put_zip(tmp_path / "outer.zip", {"CelebA/Img/faces.zip": inner.read_bytes()})
    with pytest.raises(
        UserError, match=r"outer.zip: .* in another archive inside, CelebA/Img/faces.zip; unpack"
    ):
        open_source(outer)
    half = tmp_path / "download/img_align_celeba.zip"
    half.parent.mkdir()
    half.write_bytes(inner.read_bytes()[: os.path.getsize(inner) // 2])
    with pytest.raises(
        UserError, match=r"img_align_celeba.zip: neither a folder nor a complete zip"
    ):
        open_source(half.parent)
    directory = bytearray(inner.read_bytes())
    directory[directory.find(b"PK\1\2")] = 0
    inner.write_bytes(directory)
    for look in (open_source, lambda path: partition_lists([path], [])):
        with pytest.raises(UserError, match=r"img_align_celeba.zip: cannot be read: Bad magic"):
            look(inner)
