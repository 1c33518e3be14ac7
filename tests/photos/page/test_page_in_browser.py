"""How the local page works in a browser."""

import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data

from browser import Browser, Chromium, browsing
from served_page import Server, encoded, gray_of, post, serving_page


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving_page(tmp_path_factory.mktemp("demo")) as running:
        yield running


@pytest.fixture(scope="module")
def faceless() -> np.ndarray:
    """The page of coins as it comes, 303 x 384, which is not shown enlarged."""
    return skimage.data.coins()


@pytest.fixture
def browser(chromium: Chromium) -> Iterator[Browser]:
    with browsing(chromium) as running:
        yield running


STATE = "document.querySelector('main').dataset.state"


def open_page(browser: Browser, server: Server) -> None:
    """Show the page, in a window in which the astronaut is as large as she is."""
    browser.resize(1100, 900)
    browser.open(f"http://127.0.0.1:{server.port}/")


def wait_for_result(browser: Browser, status: str) -> None:
    """Wait for a result that is told of so, and for the slider to come to rest."""
    told = f"document.querySelector('.status').textContent === {json.dumps(status)}"
    browser.wait_until(f"{STATE} === 'done' && {told} && document.getAnimations().length === 0")


def split(browser: Browser) -> float:
    """Where gray ends and colour begins, in per cent of the width."""
    frame = "getComputedStyle(document.querySelector('.frame'))"
    return browser.run(f"parseFloat({frame}.getPropertyValue('--split'))")


def messages(browser: Browser) -> list[str]:
    """What the page says that went wrong, line by line."""
    lines = "[...document.querySelectorAll('.errors li')].map(line => line.innerText)"
    assert browser.run("document.querySelector('.alarm').hidden") == (not browser.run(lines))
    return browser.run(lines)


CLEAR = slice(20, 120), slice(40, 340)
"""The part of the frame that nothing lies over: no tags, no handle, no rounded corners."""


def shows(browser: Browser, picture: np.ndarray, within: int = 2) -> bool:
    """Whether a picture is seen in the frame, at its natural size, to so many levels."""
    seen = browser.screenshot(".frame")
    return seen.shape == picture.shape and cv2.absdiff(seen[CLEAR], picture[CLEAR]).max() <= within


@pytest.fixture
def jpeg(tmp_path: Path, large_photo: np.ndarray) -> Path:
    """A photo that the page does not enlarge."""
    path = tmp_path / "old photo.jpeg"
    path.write_bytes(encoded(large_photo, ".jpeg"))
    return path


def test_the_page_shows_before_and_after(browser: Browser, server: Server, jpeg: Path) -> None:
    colored = post(server, jpeg.read_bytes()).picture
    gray = cv2.merge([gray_of(colored)] * 3)
    browser.set_motion(True)
    open_page(browser, server)
    browser.choose(jpeg)
    wait_for_result(browser, "One face was found, and coloured.")
    image = "document.querySelector('.after')"
    assert browser.run(f"[{image}.naturalWidth, {image}.naturalHeight]") == [512, 512]
    assert split(browser) == pytest.approx(44, abs=2)  # through the face

    browser.run("document.querySelector('.split').focus()")
    browser.press("Home")
    assert split(browser) == 0
    browser.press("ArrowRight")
    assert split(browser) == 1
    assert browser.run("document.querySelector('.split').ariaValueText") == "1 % gray"
    assert shows(browser, colored)
    browser.press("End")
    assert shows(browser, gray)

    box = browser.box(".frame")
    at = [(box["x"] + part * box["width"], box["y"] + 50) for part in (0.7, 0.3, -0.5)]
    browser.drag(*at[:2])
    assert split(browser) == pytest.approx(30, abs=0.5)
    browser.drag(*at)
    assert split(browser) == 0
    browser.do("Emulation.setTouchEmulationEnabled", enabled=True)
    browser.swipe(*at[:2])
    assert split(browser) == pytest.approx(30, abs=0.5)


def test_the_result_is_downloaded_under_the_photos_name(
    browser: Browser, server: Server, truth: np.ndarray, tmp_path: Path
) -> None:
    path, folder = tmp_path / "Eileen.Collins.png", tmp_path / "downloads"
    path.write_bytes(encoded(truth))
    open_page(browser, server)
    browser.choose(path)
    wait_for_result(browser, "One face was found, and coloured. Its own colours were not used.")
    result = browser.download(".download", folder)
    assert result.name == "Eileen.Collins_colorized.png"
    assert result.read_bytes() == post(server, path.read_bytes()).content


def test_a_photo_can_be_chosen_by_keyboard(browser: Browser, server: Server) -> None:
    open_page(browser, server)
    browser.do("Page.setInterceptFileChooserDialog", enabled=True)
    browser.press("Tab")
    outline = "getComputedStyle(document.querySelector('.drop')).outlineStyle"
    assert browser.run(outline) == "solid"
    browser.press("Space")
    browser.wait_for("Page.fileChooserOpened", mode="selectMultiple")


def test_a_dropped_tiff_without_a_face_is_shown_and_offered_to_be_colored_whole(
    browser: Browser, server: Server, tmp_path: Path, faceless: np.ndarray
) -> None:
    path = tmp_path / "coins.tif"
    path.write_bytes(encoded(faceless, ".tif"))
    open_page(browser, server)
    browser.drop(path)
    wait_for_result(browser, "No face was found, so nothing is coloured yet.")
    assert browser.run("document.querySelector('.before').naturalWidth") == faceless.shape[1]
    assert shows(browser, cv2.merge([faceless] * 3), within=12)  # by way of a JPEG
    assert browser.run("document.querySelector('.download').hidden")
    browser.run("document.querySelector('.whole').click()")
    wait_for_result(browser, "No face was found, the whole photo is coloured.")
    browser.run("document.querySelector('.split').focus()")
    browser.press("Home")
    colored = post(server, path.read_bytes(), "/colorize?whole=1")
    assert shows(browser, colored.picture, within=16)
    assert browser.run("document.querySelector('.download').textContent") == "Download TIFF"
    result = browser.download(".download", tmp_path / "downloads")
    assert (result.name, result.read_bytes()) == ("coins_colorized.tif", colored.content)


def test_the_page_says_what_is_wrong_and_takes_another_photo(
    browser: Browser, server: Server, jpeg: Path, tmp_path: Path
) -> None:
    wrong = tmp_path / "letter.jpeg"
    wrong.write_text("Dear Mr. Daguerre")
    open_page(browser, server)
    browser.choose(wrong)
    browser.wait_until(f"{STATE} === 'failed'")
    (complaint,) = browser.complaints
    assert "status of 415" in complaint
    browser.complaints.clear()
    line = post(server, wrong.read_bytes()).error
    assert messages(browser) == [line.replace("This file", "letter.jpeg")]
    browser.choose(jpeg)
    wait_for_result(browser, "One face was found, and coloured.")
    assert messages(browser) == []
