"""Painting colours on a photo, on the page in a browser."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data

from browser import Browser, Chromium, browsing
from conftest import Run, chroma_in
from painted_page import at
from painted_page import wait_for_the_last_stroke as wait
from programs import wait_until
from served_page import Server, decoded, encoded, gray_of, serving_page

BLUE = "#2f55a4"
COAT, WALL = (0.15, 0.85), (0.25, 0.08)  # of the astronaut, in parts of width and height


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving_page(tmp_path_factory.mktemp("demo")) as running:
        yield running


@pytest.fixture
def browser(chromium: Chromium, server: Server) -> Iterator[Browser]:
    """A browser that shows the page."""
    with browsing(chromium) as running:
        running.resize(1100, 1200)
        running.open(f"http://127.0.0.1:{server.port}/")
        yield running


@pytest.fixture
def painting(browser: Browser, photo: np.ndarray, tmp_path: Path) -> Browser:
    """A browser in which the astronaut is coloured, and about to be painted on in blue."""
    return opened(browser, tmp_path / "Eileen.png", photo)


def opened(browser: Browser, path: Path, photo: np.ndarray) -> Browser:
    path.write_bytes(encoded(photo))
    browser.choose(path)
    wait(browser)
    browser.run("document.querySelector('.paint').click()")
    wait(browser)
    browser.run(f"document.querySelector('.swatch [value=\"{BLUE}\"]').click()")
    return browser


def line(place: tuple[float, float]) -> list[tuple[float, float]]:
    return [(place[0] + step, place[1]) for step in (-0.03, 0, 0.03)]


def paint(browser: Browser, place: tuple[float, float]) -> None:
    browser.drag(*at(browser, *line(place)))
    wait(browser)


def result(browser: Browser) -> np.ndarray:
    """The picture that would be downloaded."""
    read = """new Promise((done) => Object.assign(new FileReader(),
      { onload() { done(this.result.split(",")[1]); } }).readAsDataURL(chosen.result.picture))"""
    return decoded(base64.b64decode(browser.run(read)))


def chroma(browser: Browser, place: tuple[float, float]) -> np.ndarray:
    """Cb and Cr of the result around a place."""
    picture = result(browser)
    y, x = (round(part * side) for part, side in zip(place[::-1], picture.shape, strict=False))
    return chroma_in(picture[y - 3 : y + 4, x - 3 : x + 4]).mean(axis=(1, 2))


def is_blue(browser: Browser, place: tuple[float, float]) -> bool:
    cb, cr = chroma(browser, place)
    return bool(cb > 0.08 and cr < 0)


def is_gray(browser: Browser, place: tuple[float, float]) -> bool:
    return bool(np.abs(chroma(browser, place)).max() < 0.01)


def click(browser: Browser, selector: str) -> None:
    browser.run(f"document.querySelector('{selector}').click()")
    wait(browser)


def said(browser: Browser, selector: str) -> str:
    return browser.run(f"document.querySelector('{selector}').textContent")


def test_a_stroke_of_the_mouse_colors_its_place(painting: Browser, photo: np.ndarray) -> None:
    assert is_gray(painting, COAT)
    paint(painting, COAT)
    assert is_blue(painting, COAT) and is_gray(painting, WALL)
    np.testing.assert_array_equal(gray_of(result(painting)), photo)
    assert said(painting, ".status") == "One face was found, and coloured, with your strokes."


def test_strokes_are_taken_back_wiped_away_and_cleared(painting: Browser) -> None:
    states = "['.undo', '.redo', '.blank'].map(name => document.querySelector(name).disabled)"
    assert painting.run(states) == [True, True, True]
    paint(painting, COAT)
    assert painting.run(states) == [False, True, False]
    click(painting, ".undo")
    assert is_gray(painting, COAT)
    click(painting, ".redo")
    assert is_blue(painting, COAT)
    click(painting, "[value=eraser]")
    click(painting, '[name=size][value="3"]')
    paint(painting, COAT)
    assert is_gray(painting, COAT)
    painting.press("z", modifiers=2)
    wait(painting)
    assert is_blue(painting, COAT)
    click(painting, ".blank")
    assert is_gray(painting, COAT)
    click(painting, ".undo")
    assert is_blue(painting, COAT)


def test_who_leaves_the_page_is_asked_before_strokes_are_lost(painting: Browser) -> None:
    leaves = "dispatchEvent(new Event('beforeunload', {cancelable: true}))"
    assert painting.run(leaves)
    paint(painting, COAT)
    assert not painting.run(leaves)


def test_a_finger_paints(painting: Browser) -> None:
    painting.do("Emulation.setTouchEmulationEnabled", enabled=True)
    painting.swipe(*at(painting, *line(COAT)))
    wait(painting)
    assert is_blue(painting, COAT)


def test_keys_paint(painting: Browser) -> None:
    painting.run("document.querySelector('.strokes').focus()")
    painting.press("Space")
    wait(painting)
    assert painting.run("chosen.strokes.length") == 1
    for _ in range(30):
        painting.press("ArrowDown")
    for _ in range(5):
        painting.press("ArrowRight", modifiers=8)
    assert painting.run("chosen.strokes.length") == 1
    painting.press("Shift")
    wait(painting)
    points = painting.run("chosen.strokes[1].points")
    assert points[0] == [0.5, 0.8] and points[-1] == [0.55, 0.8]
    painting.press("e")
    assert painting.run("chosenOf('tool')") == "eraser"
    painting.press("Escape")
    assert painting.run("document.querySelector('.painter').hidden")
    assert painting.run("document.activeElement.className") == "button paint"


def test_the_colors_offered_are_as_bright_as_the_place(painting: Browser) -> None:
    click(painting, "[value=look]")
    offered = "[...document.querySelectorAll('.suited input')].map(radio => radio.value)"
    brightness = []
    for place in ((0.9, 0.8), WALL):  # a helmet, nearly black
        paint(painting, place)
        colors = [bytes.fromhex(color[1:]) for color in painting.run(offered)]
        assert len(colors) == 6
        brightness.append(np.mean([list(color) for color in colors]))
    assert brightness[1] > brightness[0] + 50
    assert painting.run("(chosen.strokes ?? []).length") == 0


def test_the_slider_between_before_and_after_stays(painting: Browser) -> None:
    box = painting.box(".frame")
    left, middle = (box["x"] + 4, box["y"] + box["height"] / 2), box["width"] / 2
    painting.drag(left, (left[0] + middle, left[1]))
    frame = "getComputedStyle(document.querySelector('.frame')).getPropertyValue('--split')"
    assert float(painting.run(frame).rstrip("%")) == pytest.approx(50, abs=2)
    assert painting.run("(chosen.strokes ?? []).length") == 0


def test_strokes_are_saved_as_the_command_takes_them_and_loaded_again(
    painting: Browser, run: Run, tmp_path: Path
) -> None:
    paint(painting, COAT)
    first = result(painting)
    strokes = painting.download(".save", tmp_path / "downloads")
    assert strokes.name == "Eileen_strokes.png"
    out = tmp_path / "out.png"
    done = run("colorize", tmp_path / "Eileen.png", "--hints", strokes, "-o", out)
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(cv2.imread(str(out)), first)
    click(painting, ".blank")
    painting.choose(strokes, selector="#strokes")
    painting.wait_until("chosen.strokes.length === 3")
    wait(painting)
    np.testing.assert_array_equal(result(painting), first)


def test_what_are_no_strokes_is_said(painting: Browser, tmp_path: Path) -> None:
    empty, text, tall = (tmp_path / name for name in ("empty.png", "text.png", "tall.png"))
    empty.write_bytes(encoded(np.zeros((64, 64, 4), np.uint8)))
    tall.write_bytes(encoded(np.full((64, 32, 4), 255, np.uint8)))
    text.write_text("Dear Mr. Daguerre")
    for path, told in (
        (empty, "empty.png: holds no stroke; all of it is transparent."),
        (tall, "tall.png: its 32 x 64 pixels do not have the photo's proportions, 256 x 256."),
        (text, "text.png: is not a picture that can be read."),
    ):
        painting.choose(path, selector="#strokes")
        painting.wait_until(f"document.querySelector('.mishap').textContent === {json.dumps(told)}")
    assert painting.run("(chosen.strokes ?? []).length") == 0


def test_a_photo_gets_the_colors_of_another(
    painting: Browser, tmp_path: Path, faceless: np.ndarray
) -> None:
    coffee, coins = tmp_path / "coffee.jpg", tmp_path / "coins.png"
    coffee.write_bytes(encoded(skimage.data.coffee()[..., ::-1], ".jpg"))
    coins.write_bytes(encoded(faceless))
    painting.choose(coffee, selector="#reference")
    painting.wait_until("chosen.result.settings === settingsOf(chosen)")
    wait(painting)
    cb, cr = chroma(painting, COAT)
    assert cb < -0.005 and cr > 0.005  # brown
    assert said(painting, ".status").endswith("with the colours of coffee.jpg.")
    paint(painting, COAT)
    assert is_blue(painting, COAT)
    click(painting, ".unrefer")
    assert is_gray(painting, WALL) and is_blue(painting, COAT)
    painting.choose(coins, selector="#reference")
    told = "Eileen.png: coins.png has no colour; take a coloured photo"
    painting.wait_until(f"document.querySelector('.errors').textContent === {json.dumps(told)}")
    wait(painting)
    assert is_blue(painting, COAT)
    (complaint,) = painting.complaints
    assert "status of 415" in complaint
    painting.complaints.clear()


def test_a_photo_that_the_program_let_go_of_is_sent_again(painting: Browser) -> None:
    paint(painting, COAT)
    painting.run("fetch(`photos/${chosen.kept}/forget`, { method: 'POST' }).then(() => 0)")
    click(painting, ".undo")
    click(painting, ".redo")
    assert is_blue(painting, COAT)
    paint(painting, WALL)
    assert is_blue(painting, WALL)
    (complaint,) = [text for text in painting.complaints if "status of 410" in text]
    painting.complaints.clear()


def test_a_photo_without_a_face_is_painted(
    browser: Browser, tmp_path: Path, faceless: np.ndarray
) -> None:
    place = 0.3, 0.9
    painting = opened(browser, tmp_path / "coins.png", faceless)
    assert painting.run("document.querySelector('.download').hidden")
    paint(painting, place)
    assert is_blue(painting, place)
    assert said(painting, ".status") == "No face was found; the photo has your strokes."
    assert not painting.run("document.querySelector('.download').hidden")


def test_who_starts_over_while_painting_begins_with_the_next_photo(
    painting: Browser, tmp_path: Path, photo: np.ndarray
) -> None:
    paint(painting, COAT)
    name = painting.run("chosen.kept")
    painting.choose(tmp_path / "Eileen.png")
    painting.wait_until("photos.length === 2 && photos.every(({ result }) => result) && !request")
    assert painting.run("[isPainting(), (chosen.strokes ?? []).length]") == [False, 0]
    painting.run("document.querySelector('.clear').click()")
    assert painting.run("photos.length") == 0
    forgotten = f"fetch('photos/{name}', {{ method: 'POST' }}).then(({{ status }}) => status)"
    # The page tells the program by a beacon, and does not wait for it.
    wait_until(lambda: painting.run(forgotten) == 410)
    painting.complaints.clear()
