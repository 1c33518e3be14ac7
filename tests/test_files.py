"""Files are written whole or not at all, however many write them and however long their names."""

from multiprocessing import get_context
from pathlib import Path

import pytest

from colorgan.errors import UserError
from colorgan.files import write_whole

SIZE = 1 << 20


def write_often(path: Path, byte: bytes) -> None:
    for _ in range(50):
        write_whole(path, byte * SIZE)


def test_several_writers_of_one_file_never_show_a_part_of_it(tmp_path: Path) -> None:
    path = tmp_path / "result.png"
    write_whole(path, b"a" * SIZE)
    spawn = get_context("fork")
    writers = [spawn.Process(target=write_often, args=(path, byte)) for byte in (b"a", b"b", b"c")]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        content = path.read_bytes()
        assert len(content) == SIZE and len(set(content)) == 1
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    assert list(tmp_path.iterdir()) == [path]


def test_a_name_may_be_as_long_as_names_may_be(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 251 + ".png")
    write_whole(path, b"content")
    assert path.read_bytes() == b"content"


def test_a_file_has_the_rights_that_others_have(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"")
    write_whole(tmp_path / "whole", b"")
    assert (tmp_path / "whole").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_what_cannot_be_written_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(UserError, match="cannot write .*folder"):
        write_whole(tmp_path / "folder", b"content")
    assert list(tmp_path.iterdir()) == [tmp_path / "folder"]
