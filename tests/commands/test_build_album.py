"""`colorgan build-lmdb --any-photos`: faces of people's own photos, to train on as on CelebA's."""

import json
import shutil
import subprocess
from pathlib import Path

import cv2
import lmdb
import numpy as np
import pytest

from colorgan.faces.database import FaceDatabase
from colorgan.faces.drawn.portrait import draw_face
from conftest import ROOT
from programs import run_program

PHOTOS = 3
CROPS = [draw_face(7, number)[20:198] for number in range(2 * PHOTOS)]


def background(seed: int, width: int = 700, height: int = 420) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(60, 200, (5, 8, 3), np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def photo(seed: int, *numbers: int, width: int = 280) -> np.ndarray:
    """A picture with drawn faces side by side, each so many pixels wide."""
    picture = background(seed)
    for place, number in enumerate(numbers):
        face = draw_face(7, number)
        size = (width, width * face.shape[0] // face.shape[1])
        how = cv2.INTER_CUBIC if width > face.shape[1] else cv2.INTER_AREA
        left, top = 40 + 340 * place, 30
        picture[top : top + size[1], left : left + width] = cv2.resize(face, size, None, 0, 0, how)
    return picture


def sepia(picture: np.ndarray) -> np.ndarray:
    levels = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY) / 255
    toned = [0.86 * levels**1.25, 0.95 * levels**1.05, levels**0.9]
    return np.rint(255 * np.dstack(toned)).astype(np.uint8)


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos with two faces each, and others that give none."""
    folder = tmp_path_factory.mktemp("album")
    (folder / "trip").mkdir()
    for at in range(PHOTOS):
        cv2.imwrite(str(folder / f"{at}.JPG"), photo(at, 2 * at, 2 * at + 1))
    cv2.imwrite(str(folder / "gray.jpg"), cv2.cvtColor(photo(9, 1), cv2.COLOR_BGR2GRAY))
    cv2.imwrite(str(folder / "sepia.png"), sepia(photo(9, 1)))
    cv2.imwrite(str(folder / "small.jpg"), photo(9, 1, width=110))
    cv2.imwrite(str(folder / "empty.jpg"), background(9))
    shutil.copy(folder / "1.JPG", folder / "trip/again.JPG")
    (folder / "trip/damaged.jpg").write_bytes((folder / "1.JPG").read_bytes()[:3000])
    (folder / "notes.txt").write_text("no photo")
    return folder


def build(album: Path, out: Path, *words: object) -> subprocess.CompletedProcess[str]:
    return run_program("build-lmdb", "--any-photos", "--images", album, "--out", out, *words)


@pytest.fixture(scope="module")
def built(album: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("built") / "data"
    done = build(album, out, "--workers", 2)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("trip/damaged.jpg: damaged") == 1 and "Traceback" not in done.stderr
    assert "left out other files than photos: 1 .txt" in done.stderr
    assert "train: 4 faces, photos: 2\ntest: 2 faces, photos: 1\nphotos: 9, not used: " in (
        done.stdout
    )
    return out


def manifest(out: Path) -> dict:
    return json.loads((out / "manifest.json").read_text())


def faces_in(out: Path) -> dict[str, np.ndarray]:
    found = {}
    for split in ("train", "test"):
        with FaceDatabase(out / f"{split}_lmdb") as database:
            found[split] = database.faces(range(len(database)))
    return found


def test_faces_stand_as_celebas_do(built: Path) -> None:
    expected = [cv2.resize(crop, (64, 64), interpolation=cv2.INTER_AREA) for crop in CROPS]
    unseen = set(range(len(CROPS)))
    for face in np.concatenate(list(faces_in(built).values())):
        inner = face.transpose(1, 2, 0)[12:52, 12:52].astype(float)
        off = [np.abs(inner - other[12:52, 12:52]).mean() for other in expected]
        assert min(off) < 30 and np.sort(off)[1] > 1.3 * min(off)
        unseen.remove(int(np.argmin(off)))
    assert not unseen


def test_the_faces_of_a_photo_are_on_one_side(built: Path) -> None:
    sides = {}
    for split in ("train", "test"):
        with lmdb.open(str(built / f"{split}_lmdb"), readonly=True, lock=False) as environment:
            keys = [key.decode() for key, _ in environment.begin().cursor()]
        sides[split] = {key.partition("_")[2].partition("_")[0] for key in keys}
    assert len(sides["train"]) == 2 and len(sides["test"]) == 1
    assert not sides["train"] & sides["test"]


def test_what_is_left_out_is_listed_in_the_manifest(built: Path, album: Path) -> None:
    told = manifest(built)
    reasons = {Path(photo["photo"]).name: photo["reason"] for photo in told["skipped"]}
    twice = ({"1.JPG", "again.JPG"} & set(reasons)).pop()
    assert reasons == {
        "gray.jpg": "grayscale",
        "sepia.png": "without a usable face",
        "small.jpg": "without a usable face",
        "empty.jpg": "without a face",
        "damaged.jpg": "damaged",
        twice: "there twice",
    }
    assert told["faces_left_out"] == {"without colour": 1, "too small": 1}
    assert (told["photos"], told["options"]["any_photos"]) == (9, True)
    assert told["source"]["images"] == str(album)


def test_any_number_of_workers_gives_the_same_files(
    built: Path, album: Path, tmp_path: Path
) -> None:
    assert build(album, tmp_path, "--workers", 1).returncode == 0
    for name in ("train_lmdb/data.mdb", "test_lmdb/data.mdb"):
        assert (tmp_path / name).read_bytes() == (built / name).read_bytes()


def test_they_are_trained_on_and_measured_as_celebas(built: Path, tmp_path: Path) -> None:
    small = ROOT / "prototxt/generator_small.prototxt"
    trained = run_program(
        "train", "--data", built, "--out", tmp_path / "run", "--generator", small,
        "--batch-size", 2, "--iterations", 2, "--validation-faces", 1, "--validate-every", 2,
    )  # fmt: skip
    assert trained.returncode == 0, trained.stderr
    weights = tmp_path / "run/snapshots/best/generator.caffemodel"
    measured = run_program(
        "evaluate", "--weights", weights, "--data", built, "--skip", 1, "--out", tmp_path / "e"
    )
    assert measured.returncode == 0, measured.stderr
    assert json.loads((tmp_path / "e/metrics.json").read_text())["faces"] == 1


def test_what_cannot_be_built_is_refused_in_one_line(album: Path, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "none").mkdir()
    shutil.copy(album / "1.JPG", tmp_path / "one")
    shutil.copy(album / "trip/damaged.jpg", tmp_path / "one")
    for images, words, complaint in (
        (tmp_path / "nowhere", (), "nowhere: no such folder of photos"),
        (album / "1.JPG", (), "1.JPG: not a folder of photos"),
        (tmp_path / "none", (), "none: holds no photo; photos end in .jpg"),
        (tmp_path / "one", (), "1 of 2 photos have a usable face, but two are needed at least"),
        (tmp_path / "one", ("--max-bad", 0.4), "more than --max-bad 0.4 of the 2 photos are"),
        (album, ("--test-partition", 1), "--partition and --test-partition are for CelebA"),
    ):
        done = build(images, tmp_path / "out", *words)
        assert done.returncode == 2, done.stderr
        assert complaint in done.stderr.splitlines()[-1]
        assert "Traceback" not in done.stderr
        assert not (tmp_path / "out/manifest.json").exists()
