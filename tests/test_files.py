"""Files are written whole or not at all, however many write them."""

import os
from multiprocessing import get_context
from pathlib import Path

import pytest

from colorgan.errors import UserError
from colorgan.files import make_room, read_json, read_toml, shortened, write_whole
from programs import run_python

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


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"{", "damaged"),
        (b"\xff", "damaged"),
        (b"[" * 100_000, "damaged .nested too deeply"),
        (b"[]", "not a JSON object"),
        (b"{}", "has no 'count'"),
    ],
)
def test_a_json_file_that_is_not_as_it_should_be_is_refused(
    tmp_path: Path, content: bytes, complaint: str
) -> None:
    path = tmp_path / "kept.json"
    path.write_bytes(content)
    with pytest.raises(UserError, match=f"kept.json: {complaint}.*; create it again$"):
        read_json(path, count=int)


@pytest.mark.parametrize("content", [b"a = ", b"\xff", b"a = " + b"[" * 100_000])
def test_a_file_that_is_no_toml_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "kept.toml").write_bytes(content)
    with pytest.raises(UserError, match=r"kept.toml: not a TOML file \(.+\)$"):
        read_toml(tmp_path / "kept.toml")


def test_a_name_may_be_as_long_as_names_may_be(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 251 + ".png")
    write_whole(path, b"content")
    assert path.read_bytes() == b"content"


def test_a_name_is_shortened_by_whole_letters_in_any_locale() -> None:
    assert shortened("\u00e4" * 125, "_colorized.png") == "\u00e4" * 120
    code = "import os; from colorgan.files import shortened; "
    code += r"name = os.fsdecode(b'\xc3\xa4' * 125); "
    code += "print(os.fsencode(shortened(name, '_colorized.png')).decode())"
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    run = run_python("-c", code, env={**os.environ, **plain, "PYTHONIOENCODING": "utf-8"})
    assert run.stdout.strip() == "\u00e4" * 120


def test_a_file_has_the_rights_that_others_have(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"")
    write_whole(tmp_path / "whole", b"")
    assert (tmp_path / "whole").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_what_cannot_be_written_is_reported_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(UserError, match="folder: a folder"):
        write_whole(tmp_path / "folder", b"content")
    assert list(tmp_path.iterdir()) == [tmp_path / "folder"]


def test_a_place_where_no_file_can_be_written_is_reported_before_the_work(tmp_path: Path) -> None:
    make_room(tmp_path / "new" / "figures.json")
    assert (tmp_path / "new").is_dir()
    (tmp_path / "file").touch()
    make_room(tmp_path / "file")
    for path in (tmp_path / "new", tmp_path / "file" / "inside", tmp_path / ("n" * 300)):
        with pytest.raises(UserError, match="new|file|nnn"):
            make_room(path)


def test_only_a_regular_file_is_replaced_and_only_one_of_its_kind(tmp_path: Path) -> None:
    pipe, log = tmp_path / "pipe.json", tmp_path / "log.jsonl"
    os.mkfifo(pipe)
    for write in (make_room, lambda path: write_whole(path, b"content")):
        with pytest.raises(UserError, match="pipe.json: not a regular file"):
            write(pipe)
    assert pipe.is_fifo()
    with pytest.raises(UserError, match="log.jsonl: must end in .jpg or .jpeg"):
        make_room(log, ".jpg", ".jpeg")
    make_room(tmp_path / "x.jpeg", ".jpg", ".jpeg")
