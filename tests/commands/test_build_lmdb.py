"""`colorgan build-lmdb`: which faces it writes, what it says, and how it ends when it cannot."""

import errno
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from colorgan.errors import UserError
from colorgan.faces.celeba.images import ImageReader, open_source
from colorgan.faces.database import FaceDatabase
from colorgan.faces.packing import staging
from colorgan.faces.packing.dataset import BuildOptions, build_dataset
from programs import alive, below, wait_until

BUILD = Path(__file__).resolve().parents[1] / "build-lmdb"
ENTRIES = ("train_lmdb/data.mdb", "test_lmdb/data.mdb", "manifest.json")


def jpeg(seed: int, width: int = 178, height: int = 218) -> bytes:
    coarse = np.random.default_rng(seed).integers(0, 256, (7, 6, 3), np.uint8)
    return cv2.imencode(".jpg", cv2.resize(coarse, (width, height)))[1].tobytes()


def face_of(data: bytes, size: int) -> np.ndarray:
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    face = cv2.resize(image[20:198], (size, size), interpolation=cv2.INTER_AREA)
    return face.transpose(2, 0, 1)


class Source:
    """60 small pictures, numbers 3 to 180, and a list: 40 train, 12 validation, 8 test."""

    def __init__(self, folder: Path) -> None:
        self.images = folder / "celeba"
        self.partition = folder / "list_eval_partition.txt"
        self.numbers = list(range(3, 183, 3))
        for number in self.numbers:
            self.file(number).parent.mkdir(parents=True, exist_ok=True)
            self.file(number).write_bytes(jpeg(number))
        parts = [0] * 40 + [1] * 12 + [2] * 8
        lines = [f"{n:06d}.jpg {part}\n" for n, part in zip(self.numbers, parts, strict=True)]
        random.Random(0).shuffle(lines)
        self.partition.write_text("".join(lines))

    def file(self, number: int) -> Path:
        return self.images / "img_align_celeba" / f"{number:06d}.jpg"

    def options(self, out: Path, **changes: object) -> BuildOptions:
        options = BuildOptions((self.images,), (self.partition,), out, 30, 6)
        return replace(options, **changes)


@pytest.fixture
def source(tmp_path: Path) -> Source:
    return Source(tmp_path)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "data"


def manifest(out: Path) -> dict:
    return json.loads((out / "manifest.json").read_text())


def contents(out: Path) -> dict[str, bytes]:
    """Every file below `out`."""
    return {
        str(file.relative_to(out)): file.read_bytes() for file in out.rglob("*") if file.is_file()
    }


def build_once(source: Source, out: Path) -> dict[str, bytes]:
    build_dataset(source.options(out))
    return contents(out)


# ------------------------------------------------------------------------- what is written


def test_the_lowest_numbers_of_each_partition_are_written_in_order(
    source: Source, out: Path
) -> None:
    build_dataset(source.options(out))
    for split, numbers in (("train", source.numbers[:30]), ("test", source.numbers[52:58])):
        with FaceDatabase(out / f"{split}_lmdb") as database:
            everything = range(len(database))
            assert database.numbers(everything) == numbers
            expected = [face_of(source.file(number).read_bytes(), 64) for number in numbers]
            assert np.array_equal(database.faces(everything), np.stack(expected))


def test_the_validation_partition_can_be_the_test_set(source: Source, out: Path) -> None:
    build_dataset(source.options(out, test_partition=1, size=32))
    with FaceDatabase(out / "test_lmdb") as database:
        assert database.numbers(range(6)) == source.numbers[40:46]
        assert database.size == 32


def test_without_a_list_the_lowest_numbers_train_and_the_next_test(
    source: Source, out: Path
) -> None:
    build_dataset(source.options(out, partition=()))
    with FaceDatabase(out / "train_lmdb") as train, FaceDatabase(out / "test_lmdb") as test:
        assert train.numbers(range(30)) == source.numbers[:30]
        assert test.numbers(range(6)) == source.numbers[30:36]
    assert manifest(out)["partition"] is None


def test_real_faces_are_those_that_opencv_gives(
    face_source: tuple[Path, Path, int], faces: Path
) -> None:
    images, _, _ = face_source
    with FaceDatabase(faces / "test_lmdb") as database:
        read = database.faces(range(20))
        numbers = np.array(database.numbers(range(20)))
    source = open_source(images)
    with ImageReader(source.containers) as reader:
        files = [reader.read(entry) for entry in source.find(numbers)[0].tolist()]
    assert np.array_equal(read, np.stack([face_of(data, 64) for data in files]))


def test_folder_and_zip_and_any_number_of_workers_give_the_same_files(
    source: Source, out: Path, tmp_path: Path
) -> None:
    source.file(30).write_bytes(b"")
    expected = contents_of_build(source.options(out / "one", max_bad=0.1))
    archive = shutil.make_archive(str(tmp_path / "img_align_celeba"), "zip", source.images)
    for workers, images in ((3, source.images), (2, Path(archive)), (5, Path(archive))):
        options = source.options(out / f"{workers}", images=(images,), workers=workers, max_bad=0.1)
        assert contents_of_build(options) == expected


def test_a_download_gives_the_same_files_as_its_parts_named_one_by_one(
    source: Source, out: Path, tmp_path: Path
) -> None:
    """In two archives, with a list as Kaggle has it and nothing named but the folder."""
    expected = contents_of_build(source.options(out / "one"))
    download = tmp_path / "download"
    download.mkdir()
    for at, numbers in enumerate((source.numbers[:25], source.numbers[25:])):
        with zipfile.ZipFile(download / f"part {at}.zip", "w") as archive:
            for number in numbers:
                archive.write(source.file(number), source.file(number).name)
    rows = source.partition.read_text().replace(" ", ",").replace("\n", "\r\n")
    text = f"\ufeffimage_id,partition\r\n{rows}"
    (download / "list_eval_partition.csv").write_text(text, encoding="utf-8", newline="")
    options = source.options(out / "two", images=(download,), partition=())
    done = subprocess.run(command(options), capture_output=True, text=True, check=True)
    assert f"partition list: {download}/list_eval_partition.csv" in done.stderr
    files = contents(out / "two")
    del files["manifest.json"]
    assert files == expected


def test_where_no_image_is_of_the_test_partition_the_validation_partition_tests(
    source: Source, out: Path, capsys: pytest.CaptureFixture
) -> None:
    lines = source.partition.read_text().splitlines(keepends=True)
    source.partition.write_text("".join(line for line in lines if not line.endswith(" 2\n")))
    build_dataset(source.options(out))
    with FaceDatabase(out / "test_lmdb") as database:
        assert database.numbers(range(6)) == source.numbers[40:46]
    assert manifest(out)["options"]["test_partition"] == 1
    assert capsys.readouterr().err.startswith(
        "colorgan: the lists have no image of partition 2; testing on partition 1\n"
    )


def contents_of_build(options: BuildOptions) -> dict[str, bytes]:
    build_dataset(options)
    files = contents(options.out)
    del files["manifest.json"]
    return files


def test_the_manifest_says_how_the_data_came_about(source: Source, out: Path) -> None:
    build_dataset(source.options(out, train_count=100))
    record = manifest(out)
    train = record["splits"]["train"]
    assert (train["asked"], train["available"], train["written"]) == (100, 40, 40)
    assert (train["first_number"], train["last_number"]) == (3, 120)
    assert record["options"]["train_count"] == 100
    assert record["crop"] == {"left": 0, "top": 20, "width": 178, "height": 178}
    assert record["resize"] == {"width": 64, "height": 64, "method": "cv2.INTER_AREA"}
    assert record["source"]["sha256"] and "path size" in record["source"]["sha256_of"]
    assert record["versions"]["opencv-python-headless"].startswith(cv2.__version__)
    assert record["skipped"] == []


def test_the_screen_shows_progress_and_that_fewer_were_there(source: Source, out: Path) -> None:
    options = source.options(out, train_count=100, workers=2)
    done = subprocess.run(command(options), capture_output=True, text=True, check=True)
    assert "46/46" in done.stderr
    assert "train: 40 faces of 40 available images (asked for 100), skipped: none" in done.stdout
    assert "test: 6 faces of 8 available images, skipped: none" in done.stdout


# ------------------------------------------------------------------------- unusable images


def test_damaged_images_are_skipped_and_listed(source: Source, out: Path) -> None:
    sound = source.file(9).read_bytes()
    gray = cv2.imencode(".jpg", np.full((218, 178), 99, np.uint8))[1].tobytes()
    damage = {
        3: ("empty", b""),
        12: ("truncated", sound[: len(sound) // 2]),
        15: ("corrupt", sound[: len(sound) // 2] + b"\xff\xd9"),
        18: ("not an image", b"<html>"),
        21: ("wrong size", jpeg(0, 100, 100)),
        24: ("grayscale", gray),
        159: ("empty", b""),
    }
    for number, (_, data) in damage.items():
        source.file(number).write_bytes(data)
    source.file(6).unlink()
    build_dataset(source.options(out, max_bad=0.2))
    listed = {entry["number"]: entry["reason"] for entry in manifest(out)["skipped"]}
    assert listed == {6: "missing", **{number: kind for number, (kind, _) in damage.items()}}
    with FaceDatabase(out / "train_lmdb") as database:
        left = [number for number in source.numbers[:30] if number not in listed]
        assert database.numbers(range(len(database))) == left
    train = manifest(out)["splits"]["train"]
    assert train["written"] == 23
    kinds = {"missing", *(kind for kind, _ in damage.values())}
    assert train["skipped"] == dict.fromkeys(kinds, 1)


@pytest.mark.parametrize("damage", ["empty", "missing"])
def test_too_many_damaged_images_end_the_build(source: Source, out: Path, damage: str) -> None:
    before = build_once(source, out)
    for number in (3, 15, 27):
        source.file(number).unlink()
        if damage == "empty":
            source.file(number).write_bytes(b"")
    with pytest.raises(UserError, match=f"--max-bad 0.06 of the 36 .* 3 {damage} .*000027"):
        build_dataset(source.options(out, force=True, max_bad=0.06))
    assert contents(out) == before


def test_as_many_damaged_images_as_allowed_do_not(source: Source, out: Path) -> None:
    for number in (3, 15, 27):
        source.file(number).write_bytes(b"")
    build_dataset(source.options(out, max_bad=3 / 36))
    assert manifest(out)["splits"]["train"]["skipped"] == {"empty": 3}


def test_grayscale_images_do_not_count_as_damaged(source: Source, out: Path) -> None:
    gray = cv2.imencode(".jpg", np.full((218, 178, 3), 99, np.uint8))[1].tobytes()
    for number in source.numbers[:20]:
        source.file(number).write_bytes(gray)
    build_dataset(source.options(out, max_bad=0))
    assert manifest(out)["splits"]["train"]["skipped"] == {"grayscale": 20}
    assert manifest(out)["splits"]["train"]["written"] == 10


def test_a_split_without_any_usable_image_is_refused(source: Source, out: Path) -> None:
    for number in source.numbers[52:]:
        source.file(number).write_bytes(b"")
    with pytest.raises(UserError, match="no usable image for the test split"):
        build_dataset(source.options(out, max_bad=1))
    assert not out.exists()


# ------------------------------------------------------------------------- bad requests


def test_a_test_partition_that_is_not_there_names_those_that_are(source: Source, out: Path) -> None:
    lines = source.partition.read_text().splitlines(keepends=True)
    source.partition.write_text("".join(line for line in lines if not line.endswith(" 2\n")))
    with pytest.raises(UserError, match="no image of partition 2; it only has partitions 0, 1"):
        build_dataset(source.options(out, test_partition=2))


def test_too_few_images_for_a_test_set_are_refused(source: Source, out: Path) -> None:
    with pytest.raises(
        UserError, match="has 60 images, which leaves none to test after 60 to train"
    ):
        build_dataset(source.options(out, partition=(), train_count=60))


def test_an_empty_folder_ends_with_one_line(source: Source, out: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    done = subprocess.run(
        command(source.options(out, images=(empty,))), capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "empty: holds no image named like 000001.jpg" in done.stderr
    assert not out.exists()


@pytest.mark.parametrize(
    "wrong",
    [
        "--size 0",
        "--size 179",
        "--max-bad 2",
        "--workers 0",
        "--workers 5000",
        "--test-partition 0",
    ],
)
def test_an_option_out_of_range_is_refused(source: Source, out: Path, wrong: str) -> None:
    words = [*command(source.options(out)), *wrong.split()]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"argument {wrong.split()[0]}" in done.stderr.splitlines()[-1]


# ------------------------------------------------------------------------- the target


def test_an_existing_target_needs_force(source: Source, out: Path) -> None:
    before = build_once(source, out)
    with pytest.raises(UserError, match="already holds train_lmdb, test_lmdb, manifest.json"):
        build_dataset(source.options(out, train_count=5))
    assert contents(out) == before


def test_force_replaces_the_data_and_nothing_else(source: Source, out: Path) -> None:
    build_once(source, out)
    (out / "notes.txt").write_text("mine")
    build_dataset(source.options(out, train_count=5, force=True))
    assert manifest(out)["splits"]["train"]["written"] == 5
    with FaceDatabase(out / "train_lmdb") as database:
        assert len(database) == 5
    assert sorted(contents(out)) == sorted([*ENTRIES, "notes.txt"])


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """A folder on a file system of its own, mounted with the options given."""
    folder = tmp_path / "mount"
    folder.mkdir()

    def mount(options: str) -> Path:
        words = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        if subprocess.run(words, capture_output=True, check=False).returncode:
            pytest.skip("mounting a file system takes root")
        return folder

    yield mount
    subprocess.run(["umount", str(folder)], capture_output=True, check=False)


def test_a_full_disk_leaves_the_old_data(source: Source, mounted: Callable[[str], Path]) -> None:
    out = mounted("size=900k") / "data"
    before = build_once(source, out)
    with pytest.raises(UserError, match="cannot be written: .*No space left on device"):
        build_dataset(source.options(out, force=True))
    assert contents(out) == before


def test_a_read_only_disk_leaves_the_old_data(
    source: Source, mounted: Callable[[str], Path]
) -> None:
    out = mounted("size=10m") / "data"
    before = build_once(source, out)
    subprocess.run(["mount", "-o", "remount,ro", str(out.parent)], check=True)
    with pytest.raises(UserError, match="cannot be written: .*Read-only file system"):
        build_dataset(source.options(out, force=True))
    assert contents(out) == before


# ------------------------------------------------------------------------- interruptions


def command(options: BuildOptions) -> list[str]:
    """The command line that stands for `options`."""
    words = [sys.executable, "-m", "colorgan", "build-lmdb"]
    words += ["--images", *options.images]
    words += ["--partition", *options.partition] if options.partition else []
    words += ["--out", options.out, "--train-count", options.train_count]
    words += ["--test-count", options.test_count, "--workers", options.workers]
    return [str(word) for word in words] + ["--force"] * options.force


@pytest.fixture
def long_build(
    source: Source, out: Path, tmp_path: Path
) -> Iterator[tuple[subprocess.Popen, dict[str, bytes]]]:
    """A build of 20,000 images at work over finished data, and the contents of these."""
    before = build_once(source, out)
    images = tmp_path / "many"
    images.mkdir()
    for number in range(20_000):
        os.link(source.file(3), images / f"{number:06d}.jpg")
    partition = tmp_path / "many.txt"
    partition.write_text("".join(f"{n:06d}.jpg {2 * (n % 2)}\n" for n in range(20_000)))
    options = BuildOptions((images,), (partition,), out, 10_000, 10_000, workers=2, force=True)
    build = subprocess.Popen(
        command(options), stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    wait_until(lambda: size_of(out / ".building/train_lmdb/data.mdb") > 1 << 20)
    yield build, before
    if build.poll() is None:
        build.kill()
    build.communicate()


def size_of(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def test_ctrl_c_ends_quietly_and_leaves_the_old_data(
    long_build: tuple[subprocess.Popen, dict[str, bytes]], out: Path
) -> None:
    build, before = long_build
    family = below(build.pid)
    os.killpg(build.pid, signal.SIGINT)
    _, printed = build.communicate(timeout=30)
    assert build.returncode == 130
    assert printed.endswith("colorgan build-lmdb: interrupted\n") and "Traceback" not in printed
    assert contents(out) == before
    wait_until(lambda: not any(map(alive, family)))


def test_after_kill_9_the_old_data_stand_and_the_next_build_cleans_up(
    long_build: tuple[subprocess.Popen, dict[str, bytes]], source: Source, out: Path
) -> None:
    build, before = long_build
    family = below(build.pid)
    assert len(family) >= 3
    build.kill()
    build.communicate(timeout=30)
    wait_until(lambda: not any(map(alive, family)))
    left = contents(out)
    assert {name: left[name] for name in ENTRIES} == before
    assert not any(name.endswith("manifest.json") for name in left if name not in ENTRIES)
    build_dataset(source.options(out, force=True, train_count=5))
    assert sorted(contents(out)) == sorted(ENTRIES)


def test_a_second_build_keeps_off_a_live_one(
    long_build: tuple[subprocess.Popen, dict[str, bytes]], source: Source, out: Path
) -> None:
    build, _ = long_build
    with pytest.raises(UserError, match="another build is writing there"):
        build_dataset(source.options(out, force=True))
    assert build.poll() is None
    assert (out / ".building/train_lmdb/data.mdb").exists()


def test_a_build_goes_on_where_folders_cannot_be_held(
    source: Source, out: Path, without_locks: Callable[[int], dict[str, str]]
) -> None:
    expected = contents_of_build(source.options(out / "held"))
    options = source.options(out / "not held")
    environment = without_locks(errno.EOPNOTSUPP)
    done = subprocess.run(
        command(options), env=environment, capture_output=True, text=True, check=True
    )
    assert done.stderr.count(f"{options.out}/.building: its file system has no locks") == 1
    files = contents(options.out)
    del files["manifest.json"]
    assert files == expected


def test_the_death_of_a_decoding_process_is_reported(
    long_build: tuple[subprocess.Popen, dict[str, bytes]], out: Path
) -> None:
    build, before = long_build
    os.kill(max(below(build.pid)), signal.SIGKILL)
    _, printed = build.communicate(timeout=30)
    assert build.returncode == 2
    assert "a worker ended with exit code" in printed.splitlines()[-1]
    assert contents(out) == before


LAST_RENAMES = range(6)  # three old entries go, three new ones come


def rename_only(times: int, otherwise: Callable[[], None]) -> Callable[[Path, Path], None]:
    """An os.rename that works so many times, then calls `otherwise`."""
    left = iter(range(times))
    rename = os.rename
    return lambda old, new: otherwise() if next(left, None) is None else rename(old, new)


@pytest.mark.parametrize("renames", LAST_RENAMES)
def test_ctrl_c_between_the_last_renames_leaves_the_old_data(
    source: Source, out: Path, monkeypatch: pytest.MonkeyPatch, renames: int
) -> None:
    def interrupt() -> None:
        monkeypatch.undo()
        raise KeyboardInterrupt

    before = build_once(source, out)
    monkeypatch.setattr(staging.os, "rename", rename_only(renames, interrupt))
    with pytest.raises(KeyboardInterrupt):
        build_dataset(source.options(out, force=True, train_count=5))
    assert contents(out) == before


@pytest.mark.parametrize("renames", LAST_RENAMES)
def test_kill_9_between_the_last_renames_is_undone_by_the_next_build(
    source: Source, out: Path, renames: int
) -> None:
    before = build_once(source, out)
    stage = out / ".building"
    build_dataset(source.options(stage, train_count=5))
    child = os.fork()
    if not child:
        try:
            staging.os.rename = rename_only(renames, lambda: os._exit(9))
            staging._publish(stage, out)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    with pytest.raises(UserError, match="--force replaces them"):
        build_dataset(source.options(out))
    build_left = {name: data for name, data in contents(out).items() if name in ENTRIES}
    assert build_left == before
