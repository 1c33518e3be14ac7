"""CelebA's lists, whatever wrote them."""

import codecs
import zipfile
from pathlib import Path

import pytest

from colorgan.errors import UserError
from colorgan.faces.celeba.lists import read_partition


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


HEADING = ["image_id partition"]
ROWS = ["000010.jpg 2", "000001.jpg 0", "000002.jpg 1", "000003.jpg 0"]


@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8])
@pytest.mark.parametrize("end", ["\r", " \r\n", "\t\n \n"])
@pytest.mark.parametrize("heading", [[], ["4"], ["4", *HEADING], HEADING])
@pytest.mark.parametrize("form", ["{} {}", '"{}","{}"', "'{}'; {}", "{}\t{}"])
def test_a_list_may_come_from_any_program(
    tmp_path: Path, mark: bytes, end: str, heading: list[str], form: str
) -> None:
    rows = [form.format(*row.split()) if " " in row else row for row in [*heading, *ROWS]]
    path = tmp_path / "list.csv"
    path.write_bytes(mark + end.join([*rows, ""]).encode())
    partition = read_partition(path)
    assert partition.numbers.tolist() == [1, 2, 3, 10]
    assert partition.partitions.tolist() == [0, 1, 0, 2]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_a_list_saved_by_windows_is_read(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "list.txt"
    path.write_text("\r\n".join(ROWS).replace("jpg", "JPG"), encoding=encoding, newline="")
    assert read_partition(path).members(0).tolist() == [1, 3]


def test_a_list_in_a_zip_is_read_where_it_lies(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "archive.zip", "w") as archive:
        archive.writestr("lists/list.csv", "image_id,partition\n000001.jpg,2\n")
    assert read_partition(tmp_path / "archive.zip/lists/list.csv").members(2).tolist() == [1]
    with pytest.raises(UserError, match="archive.zip/list.csv: .*no such file in the archive"):
        read_partition(tmp_path / "archive.zip/list.csv")
    (tmp_path / "plain").write_text("no archive")
    with pytest.raises(UserError, match="plain/list.csv: .*Not a directory"):
        read_partition(tmp_path / "plain/list.csv")


@pytest.mark.parametrize(
    ("local", "central", "value", "complaint"),
    [(6, 8, 1, "is encrypted"), (8, 10, 97, "compression method"), (38, 36, 255, "invalid block")],
)
def test_a_list_that_no_longer_comes_out_of_its_zip_is_one_line(
    tmp_path: Path, local: int, central: int, value: int, complaint: str
) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("list.txt", "000001.jpg 0\n")
    content = bytearray((tmp_path / "a.zip").read_bytes())
    content[local] = content[content.find(b"PK\1\2") + central] = value
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(UserError, match=f"list.txt: not a readable partition list: .*{complaint}"):
        read_partition(tmp_path / "a.zip/list.txt")


def test_several_lists_are_one(tmp_path: Path) -> None:
    first, second, third = (tmp_path / name for name in ("list.txt", "more.txt", "third.txt"))
    first.write_text("000004.jpg 0\n000001.jpg 2\n")
    second.write_text("000003.jpg 0\n000001.jpg 2\n")
    assert read_partition(first, second).numbers.tolist() == [1, 3, 4]
    assert read_partition(first, second).members(0).tolist() == [3, 4]
    third.write_text("000004.jpg 1\n")
    with pytest.raises(UserError, match="list.txt has image 000004 in partition 0, .* in 1"):
        read_partition(first, second, third)


def test_an_absent_partition_names_those_there(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("000001.jpg 0\n000002.jpg 1\n")
    with pytest.raises(UserError, match="no image of partition 2; it only has partitions 0, 1"):
        read_partition(path).members(2)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("000001.jpg 0\n000002.jpg\n", "line 2: expected"),
        ("one.jpg 0\n", "line 1: expected"),
        ("000001.jpg train\n", "line 1: expected"),
        ("000001.jpg 0\n000001.jpg 2\n", "image 000001 twice"),
        ("\n", "lists no images"),
        ("image_id,partition\n", "lists no images"),
        ("3\n000001.jpg 0\n", "line 1: says 3 images, but 1 follow; download it again"),
        ("<!DOCTYPE html>\n<p>Quota exceeded (1)\n", "line 2: expected"),
        ("\N{SNOWMAN}", "not a readable partition list"),
    ],
)
def test_a_broken_partition_list_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "list.txt"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=complaint):
        read_partition(path)
