"""The synthetic faces: CelebA's layout, one seed one set, and colors that gray tells in part."""

import colorsys
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from colorgan.faces.drawn.portrait import draw_face
from colorgan.faces.drawn.sample import SampleOptions, make_sample
from colorgan.faces.drawn.traits import BACKGROUNDS, FaceTraits, sample_traits

PROGRAM = "make-sample-faces"
SMALL = ("--count", 5, "--test-count", 3)


@pytest.fixture(scope="module")
def faces() -> np.ndarray:
    """Faces of one seed, BGR in [0, 1], at full size."""
    drawn = np.stack([draw_face(1, number) for number in range(1, 97)])
    return drawn.astype(np.float32) / 255


@pytest.fixture(scope="module")
def traits() -> list[FaceTraits]:
    return [sample_traits(np.random.default_rng([1, number])) for number in range(1, 401)]


def hue_and_value(color: np.ndarray) -> tuple[float, float]:
    blue, green, red = np.clip(color, 0, 1) ** (1 / 2.2)
    hue, _, value = colorsys.rgb_to_hsv(red, green, blue)
    return hue, value


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


# The set on disk.


def test_the_set_has_celebas_layout(run, tmp_path):
    done = run(PROGRAM, "--out", tmp_path / "set", *SMALL, "--workers", 2)
    assert done.returncode == 0, done.stderr
    names = [f"{number:06d}.jpg" for number in range(1, 9)]
    assert sorted(path.name for path in (tmp_path / "set/img_align_celeba").iterdir()) == names
    for name in names:
        assert cv2.imread(str(tmp_path / "set/img_align_celeba" / name)).shape == (218, 178, 3)
    listed = (tmp_path / "set/list_eval_partition.txt").read_text()
    assert listed == "".join(f"{name} {0 if name < '000006' else 2}\n" for name in names)
    assert [path.name for path in tmp_path.iterdir()] == ["set"], "nothing is left beside it"


def test_the_files_do_not_depend_on_the_number_of_workers(tmp_path):
    options = SampleOptions(count=14, test_count=4, seed=5)
    for workers in (1, 3):
        assert make_sample(tmp_path / str(workers), options, workers)
    assert files_of(tmp_path / "1") == files_of(tmp_path / "3")


def test_a_set_that_is_there_is_left_alone(run, tmp_path):
    out = tmp_path / "set"
    assert run(PROGRAM, "--out", out, *SMALL).returncode == 0
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    again = run(PROGRAM, "--out", out, *SMALL)
    assert again.returncode == 0
    assert "already holds these 8 faces" in again.stdout
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before


def test_another_or_incomplete_set_is_replaced_only_with_force(run, tmp_path):
    out = tmp_path / "set"
    options = SampleOptions(count=2, test_count=1, seed=1)
    make_sample(out, options, workers=1)
    (out / "img_align_celeba/000002.jpg").unlink()
    for other in (("--count", 2, "--test-count", 1), ("--count", 3, "--test-count", 0)):
        refused = run(PROGRAM, "--out", out, *other)
        assert refused.returncode == 2
        assert "--force" in refused.stderr
        assert len(refused.stderr.splitlines()) == 1
    forced = run(PROGRAM, "--out", out, "--count", 3, "--test-count", 0, "--force")
    assert forced.returncode == 0, forced.stderr
    assert json.loads((out / "sample.json").read_text()) == {"count": 3, "test_count": 0, "seed": 1}
    assert len(list((out / "img_align_celeba").iterdir())) == 3


def test_force_never_replaces_a_folder_of_something_else(run, tmp_path):
    (tmp_path / "photo.jpg").write_bytes(b"mine")
    refused = run(PROGRAM, "--out", tmp_path, *SMALL, "--force")
    assert refused.returncode == 2
    assert "not a sample set" in refused.stderr
    assert (tmp_path / "photo.jpg").read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--count", 0), "--count: 0 is not 1 or more"),
        (("--test-count", -1), "--test-count: -1 is not 0 or more"),
        (("--count", 999_999), "six-digit names"),
        (("--seed", -1), "--seed: -1 is not 0 or more"),
        (("--workers", 0), "--workers: 0 is not from 1 to 512"),
        (("--count", "many"), "--count: many is not a whole number"),
    ],
)
def test_bad_arguments_are_refused(run, tmp_path, words, complaint):
    done = run(PROGRAM, "--out", tmp_path / "set", *words)
    assert done.returncode == 2
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "set").exists()


def test_a_folder_that_cannot_be_made_is_refused(run, tmp_path):
    (tmp_path / "file").write_text("")
    done = run(PROGRAM, "--out", tmp_path / "file/set", *SMALL)
    assert done.returncode == 2
    assert "cannot write the sample to" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_failed_drawing_leaves_nothing_and_keeps_the_old_set(tmp_path, monkeypatch):
    out = tmp_path / "set"
    make_sample(out, SampleOptions(count=2, test_count=0, seed=1), workers=1)
    before = files_of(tmp_path)

    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("colorgan.faces.drawn.sample._write_faces", fail)
    with pytest.raises(KeyboardInterrupt):
        make_sample(out, SampleOptions(count=3, test_count=0, seed=1), workers=1, force=True)
    assert files_of(tmp_path) == before


# The faces.


def test_a_face_depends_on_seed_and_number_only():
    assert np.array_equal(draw_face(3, 7), draw_face(3, 7))
    assert not np.array_equal(draw_face(3, 7), draw_face(4, 7))
    assert not np.array_equal(draw_face(3, 7), draw_face(3, 8))


def test_eyes_and_mouth_lie_where_celeba_puts_them(faces):
    mean = faces.mean(0)
    gray = cv2.cvtColor(mean, cv2.COLOR_BGR2GRAY)

    def around(picture: np.ndarray, x: int, y: int, radius: int = 3) -> np.ndarray:
        return picture[y - radius : y + radius + 1, x - radius : x + radius + 1].mean((0, 1))

    for eye, cheek in ((69, 66), (108, 111)):
        assert around(gray, eye, 111) < around(gray, cheek, 136) - 0.12
    # Lips are redder than chin and forehead.
    redness = mean[..., 2] / mean[..., 1]
    assert around(redness, 88, 156, 2) > around(redness, 88, 172) + 0.02
    assert around(redness, 88, 156, 2) > around(redness, 88, 56) + 0.05


def test_colors_vary(faces, traits):
    skin = np.array([hue_and_value(face.skin) for face in traits])
    hair = np.array([hue_and_value(face.hair) for face in traits])
    assert np.ptp(skin[:, 1]) > 0.4
    assert skin[:, 0].std() > 0.005, "undertones differ"
    assert np.ptp(hair[:, 1]) > 0.5
    assert hair[:, 0].std() > 0.02
    assert {face.background for face in traits} == set(BACKGROUNDS)
    corners = faces[:, 40:60, :12].mean((1, 2)) ** 2.2
    hues = np.array([hue_and_value(corner)[0] for corner in corners])
    assert len(np.unique((hues * 12).astype(int))) >= 6, "backgrounds span half the color circle"


def small(faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Colors (n, 64, 64, 3) of the central squares, and their grays (n, 64, 64)."""
    colors = np.stack(
        [cv2.resize(face[20:198], (64, 64), interpolation=cv2.INTER_AREA) for face in faces]
    )
    grays = np.stack([cv2.cvtColor(face, cv2.COLOR_BGR2GRAY) for face in colors])
    return colors, grays


def colorfulness(colors: np.ndarray) -> np.ndarray:
    """Hasler and Suesstrunk's, on values in [0, 1], of each of (n, h, w, 3)."""
    blue, green, red = np.moveaxis(colors, 3, 0)
    first, second = red - green, (red + green) / 2 - blue
    spread = np.hypot(first.std((1, 2)), second.std((1, 2)))
    return spread + 0.3 * np.hypot(first.mean((1, 2)), second.mean((1, 2)))


def test_statistics_are_near_those_of_photographs(faces):
    # CelebA, same crop and size: colorfulness 0.170, gray as output 21.6 dB, mean gray 0.44.
    colors, grays = small(faces)
    assert 0.13 < colorfulness(colors).mean() < 0.21
    errors = ((colors - grays[..., None]) ** 2).mean((1, 2, 3))
    assert 20 < (-10 * np.log10(errors)).mean() < 23
    assert 0.36 < grays.mean() < 0.52
    assert 0.15 < grays.std((1, 2)).mean() < 0.28


def surroundings(gray: np.ndarray) -> np.ndarray:
    """What a small net could see of the gray at each pixel: (64, 64, 8)."""
    wide = [cv2.GaussianBlur(gray, (0, 0), sigma) for sigma in (1.5, 5, 14)]
    rough = cv2.GaussianBlur(np.abs(gray - wide[0]), (0, 0), 3)
    return np.stack([gray, gray**2, *wide, wide[1] ** 2, rough, np.ones_like(gray)], -1)


def test_gray_determines_part_of_the_color_but_not_all(faces):
    """On the face, a linear fit on gray beats each pixel's mean color, by no miracle.

    On as many CelebA images the same fit leaves 0.87 of the error of the mean color.
    """
    colors, grays = small(faces)
    offsets = colors - grays[..., None]
    inputs = np.stack([surroundings(gray) for gray in grays])
    known = len(faces) * 3 // 4
    fitted = np.zeros_like(offsets[known:])
    # One small regression for each 8x8 block of the face, so that place counts as well.
    for top in range(16, 56, 8):
        for left in range(16, 48, 8):
            block = np.s_[:, top : top + 8, left : left + 8]
            x = inputs[:known][block].reshape(-1, 8)
            mean = offsets[:known][block].mean((0, 1, 2))
            y = offsets[:known][block].reshape(-1, 3) - mean
            weights = np.linalg.solve(x.T @ x + 5 * np.eye(8), x.T @ y)
            fitted[block] = mean + inputs[known:][block] @ weights
    face = np.s_[:, 16:56, 16:48]
    left_over = ((offsets[known:] - fitted)[face] ** 2).mean()
    by_mean = ((offsets[known:] - offsets[:known].mean(0))[face] ** 2).mean()
    assert 0.4 < left_over / by_mean < 0.95
