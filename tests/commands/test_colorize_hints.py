"""`colorgan colorize` with strokes, points and reference photos, run as a user runs it."""

import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data

from colorgan.luminance import chroma_of, in_unit_range
from conftest import Run, chroma_in
from films import RATE, read_video
from programs import run_program

PROGRAM = "colorize"
COAT, WALL = (slice(190, 250), slice(15, 75)), (slice(10, 50), slice(5, 30))  # of the astronaut
BLUE = "#2050c8"


@pytest.fixture
def old(tmp_path: Path, photo: np.ndarray) -> Path:
    path = tmp_path / "old.png"
    cv2.imwrite(str(path), photo)
    return path


@pytest.fixture
def coins(faceless: np.ndarray, tmp_path: Path) -> Path:
    """A photo without a face, 192 x 152 pixels."""
    path = tmp_path / "coins.png"
    cv2.imwrite(str(path), faceless)
    return path


@pytest.fixture
def coffee(tmp_path: Path) -> Path:
    """A photo in colour, brown all over, without a face."""
    path = tmp_path / "coffee.jpg"
    cv2.imwrite(str(path), skimage.data.coffee()[..., ::-1])
    return path


def strokes_file(path: Path, size: tuple[int, int], *lines: tuple[int, int, int, int]) -> Path:
    """A picture `(h, w)` with blue strokes, each from one point to another: x, y, x, y."""
    picture = np.zeros((*size, 4), np.uint8)
    for x1, y1, x2, y2 in lines:
        cv2.line(picture, (x1, y1), (x2, y2), (200, 80, 32, 255), 9)
    cv2.imwrite(str(path), picture)
    return path


def chroma_at(path: Path, place: tuple[slice, slice]) -> np.ndarray:
    """Mean Cb and Cr of a part of a picture."""
    return chroma_in(cv2.imread(str(path))[place]).mean(axis=(1, 2))


def chroma_of_hex(color: str) -> np.ndarray:
    rgb = np.frombuffer(bytes.fromhex(color[1:]), np.uint8)
    return chroma_of(in_unit_range(rgb[::-1].reshape(1, 3, 1, 1)))[0, :, 0, 0]


def error_line(done: subprocess.CompletedProcess[str]) -> str:
    """The one line that a refused command prints before the last, which counts."""
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    (line,) = [line for line in done.stderr.splitlines() if "error:" in line]
    return line


def test_strokes_color_their_place_and_keep_the_luminance(
    run: Run, old: Path, photo: np.ndarray, tmp_path: Path
) -> None:
    strokes = strokes_file(tmp_path / "strokes.png", (256, 256), (30, 210, 60, 240))
    done = run(PROGRAM, old, "--hints", strokes)
    assert done.returncode == 0, done.stderr
    result = old.with_name("old_colorized.png")
    painted = slice(221, 231), slice(41, 51)  # on the stroke, which is of half the photo's size
    np.testing.assert_allclose(chroma_at(result, painted), chroma_of_hex(BLUE), atol=0.05)
    assert np.abs(chroma_at(result, WALL)).max() < 0.02
    gray = cv2.cvtColor(cv2.imread(str(result)), cv2.COLOR_BGR2GRAY)
    np.testing.assert_array_equal(gray, photo)


def test_points_and_strokes_color_a_photo_without_a_face(
    run: Run, coins: Path, tmp_path: Path
) -> None:
    assert run(PROGRAM, coins).returncode == 1
    strokes = strokes_file(tmp_path / "strokes.png", (152, 192), (20, 125, 45, 125))
    out = tmp_path / "out.png"
    done = run(PROGRAM, coins, "--hint", f"150,30,{BLUE}", "--hints", strokes, "-o", out)
    assert done.returncode == 0, done.stderr
    for place in ((slice(29, 31), slice(149, 151)), (slice(124, 126), slice(25, 40))):
        np.testing.assert_allclose(chroma_at(out, place), chroma_of_hex(BLUE), atol=0.06)


def test_a_point_is_where_it_is_in_the_upright_photo(run: Run, coins: Path, tmp_path: Path) -> None:
    turned, out = tmp_path / "turned.jpg", tmp_path / "out.png"
    gray = cv2.rotate(cv2.imread(str(coins), cv2.IMREAD_GRAYSCALE), cv2.ROTATE_90_CLOCKWISE)
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x08\0\0\0\0\0\0"
    content = cv2.imencode(".jpg", gray)[1].tobytes()
    block = b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif
    turned.write_bytes(content[:2] + block + content[2:])
    done = run(PROGRAM, turned, "--hint", f"150,30,{BLUE}", "-o", out)
    assert done.returncode == 0, done.stderr
    assert cv2.imread(str(out)).shape[:2] == (152, 192)
    place = slice(29, 31), slice(149, 151)
    np.testing.assert_allclose(chroma_at(out, place), chroma_of_hex(BLUE), atol=0.06)


def test_a_reference_gives_its_colors_to_all_photos(
    run: Run, old: Path, coins: Path, coffee: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    done = run(PROGRAM, old, coins, "--reference", coffee, "-o", out)
    assert done.returncode == 0, done.stderr
    for name, place in (("old_colorized.png", COAT), ("coins_colorized.png", COAT[::-1])):
        cb, cr = chroma_at(out / name, place)
        assert cb < -0.005 and cr > 0.005, name  # brown


def test_a_reference_gives_its_colors_to_films_without_a_face_as_well(
    run: Run, coffee: Path, tmp_path: Path
) -> None:
    film = film_of(skimage.data.coins()[:302], tmp_path / "film.avi")
    done = run(PROGRAM, film, "--reference", coffee)
    assert done.returncode == 0, done.stderr
    frames = read_video(tmp_path / "film_colorized.mp4")
    assert len(frames) == 3
    for frame in frames:
        cb, cr = chroma_in(frame[COAT[1], COAT[0]]).mean(axis=(1, 2))
        assert cb < -0.005 and cr > 0.005  # brown


def film_of(photo: np.ndarray, path: Path) -> Path:
    code, size = cv2.VideoWriter.fourcc(*"MJPG"), photo.shape[::-1]
    film = cv2.VideoWriter(str(path), code, RATE, size, isColor=False)
    for _ in range(3):
        film.write(photo)
    film.release()
    return path


def test_what_is_no_hint_or_reference_for_a_photo_is_one_line(
    old: Path, coins: Path, photo: np.ndarray, tmp_path: Path
) -> None:
    film = film_of(photo, tmp_path / "film.avi")
    strokes = strokes_file(tmp_path / "strokes.png", (256, 256), (30, 210, 60, 240))
    tall = strokes_file(tmp_path / "tall.png", (256, 150), (30, 210, 60, 240))
    empty = strokes_file(tmp_path / "empty.png", (256, 256))
    text = tmp_path / "text.png"
    text.write_text("no picture\n")
    missing, faint = tmp_path / "missing.png", tmp_path / "faint.png"
    cv2.imwrite(str(faint), cv2.merge([photo, photo, photo + (photo < 255)]))
    cases = [
        ([old, "--hint", f"256,0,{BLUE}"], "256,0 is outside of the photo, 256 x 256 pixels"),
        ([old, "--hint", "-5,1,#ff0000"], "-5,1 is outside of the photo, 256 x 256 pixels"),
        ([old, "--hint", "-x"], "--hint -x: not X,Y,#RRGGBB"),
        ([old, "--hint", "1,1,blue"], "--hint 1,1,blue: not X,Y,#RRGGBB"),
        ([old, "--hint", "1.5,1,#000000"], "--hint 1.5,1,#000000: not X,Y,#RRGGBB"),
        ([old, "--hint", "1,1,#12345"], "not X,Y,#RRGGBB"),
        ([old, "--hints", tall], "150 x 256 pixels do not have the proportions of the photo"),
        ([old, "--hints", empty], "holds no stroke"),
        ([old, "--hints", old], f"--hints {old}: has no transparency"),
        ([old, "--hints", text], f"--hints {text}: not a picture"),
        ([old, "--hints", missing], f"--hints {missing}: cannot be read"),
        ([old, coins, "--hints", strokes], "--hints is for one photo"),
        ([old, coins, "--hint", f"1,1,{BLUE}"], "--hint is for one photo"),
        ([tmp_path, "--hints", strokes], "--hints is for one photo"),
        ([film, "--hints", strokes], "film.avi is a film; leave it out"),
        ([film, "--hint", f"1,1,{BLUE}"], "film.avi is a film; leave it out"),
        ([old, "--reference", coins], f"--reference {coins}: has no colour; take a coloured"),
        ([old, "--reference", faint], f"--reference {faint}: has no colour; take a coloured"),
        ([old, "--reference", "-a.jpg"], "--reference -a.jpg: cannot be read"),
        ([old, "--reference", text], f"--reference {text}: not a picture"),
        ([old, "--reference", missing], f"--reference {missing}: cannot be read"),
        ([old, "--faces-only", "--hints", strokes], "--faces-only takes no --hints"),
        ([old, "--faces-only", "--reference", strokes], "--faces-only takes no --hints"),
    ]
    for words, told in cases:
        assert told in error_line(run_program(PROGRAM, *words))
    assert not list(tmp_path.glob("*_colorized*"))
