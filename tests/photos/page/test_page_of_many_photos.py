"""How the page in a browser does with many photos at once."""

import json
import shutil
import socket
import zipfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from browser import Browser, Chromium, browsing
from colorgan.photos.page.workshop import WAITING
from served_page import (
    SECONDS,
    Server,
    decoded,
    encoded,
    gray_of,
    post,
    serving_page,
    start,
    stop,
    until,
)

LIMIT_MB = 1


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving_page(tmp_path_factory.mktemp("demo"), "--max-upload-mb", LIMIT_MB) as running:
        yield running


@pytest.fixture
def browser(chromium: Chromium, server: Server) -> Iterator[Browser]:
    """A browser that shows the page, in which nothing goes wrong but what is cleared away."""
    with browsing(chromium) as running:
        open_page(running, server)
        yield running


def open_page(browser: Browser, server: Server) -> None:
    browser.open(f"http://127.0.0.1:{server.port}/")


def text(browser: Browser, selector: str) -> str:
    return browser.run(f"document.querySelector('{selector}').innerText")


def tiles(browser: Browser) -> list[str]:
    """Of all photos, what their tiles say: the name and how far it is."""
    return browser.run("[...document.querySelectorAll('.tile')].map(tile => tile.innerText)")


def wait_for_end(browser: Browser) -> str:
    """Wait until no photo is left, one after the other, and return what is said of all."""
    while not (said := text(browser, ".progress")) or said.startswith("Photo "):
        now = "document.querySelector('.progress').innerText"
        browser.wait_until(f"{now} !== {json.dumps(said)}")
    return said


def zipped(browser: Browser, folder: Path) -> dict[str, bytes]:
    """The files in the zip that the page makes, which nothing is wrong with."""
    path = browser.download(".zip", folder)
    assert path.name == "colorized.zip"
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert len(set(names)) == len(names)
        return {name: archive.read(name) for name in names}


@pytest.fixture
def album(tmp_path: Path, photo: np.ndarray, truth: np.ndarray, faceless: np.ndarray) -> Path:
    """A folder as people have them, in which one file of six is damaged."""
    folder = tmp_path / "Großmutters Album"
    (folder / "Ödenburg 1931").mkdir(parents=True)
    for hidden in (".thumbnails", "$RECYCLE.BIN"):
        (folder / hidden).mkdir()
        (folder / hidden / "a.png").write_bytes(encoded(photo))
    (folder / "a.png").write_bytes(encoded(photo))
    (folder / "a.jpg").write_bytes(encoded(truth, ".jpg"))
    (folder / "A.PNG").write_bytes(encoded(photo[:200]))
    (folder / "Ödenburg 1931/日本.tif").write_bytes(encoded(photo, ".tif"))
    (folder / "broken.jpg").write_bytes(encoded(photo, ".jpg")[:5000])
    (folder / "coins.png").write_bytes(encoded(faceless))
    (folder / "a_colorized.png").write_bytes(encoded(truth))
    (folder / "list.txt").write_text("Who is who")
    return folder


def test_a_dropped_folder_is_colored_photo_by_photo_and_downloaded_as_one_zip(
    browser: Browser, server: Server, album: Path, tmp_path: Path
) -> None:
    heard = "new MutationObserver(() => heard.push(document.querySelector('.progress').innerText))"
    watched = "document.querySelector('.progress'), {childList: true}"
    browser.run(f"window.heard = []; {heard}.observe({watched})")
    browser.drop(album)
    assert wait_for_end(browser) == "6 photos: 4 coloured, 1 without a face, 1 failed."
    expected = [f"Photo {number} of 6…" for number in range(1, 7)]
    assert browser.run("heard.slice(0, 6)") == expected
    (complaint,) = browser.complaints
    assert "status of 415" in complaint
    browser.complaints.clear()
    line = post(server, (album / "broken.jpg").read_bytes()).error
    named = line.replace("This file", f"{album.name}/broken.jpg")
    assert text(browser, ".errors") == named
    assert tiles(browser)[3:5] == ["broken.jpg\nfailed", "coins.png\nno face"]

    files = zipped(browser, tmp_path / "downloads")
    originals = {
        "A_colorized.png": "A.PNG",
        "a_colorized.jpg": "a.jpg",
        "a_png_colorized.png": "a.png",
        "Ödenburg 1931/日本_colorized.tif": "Ödenburg 1931/日本.tif",
    }
    assert list(files) == [f"{album.name}/{name}" for name in originals]
    for (name, content), original in zip(files.items(), originals.values(), strict=True):
        assert content == post(server, (album / original).read_bytes()).content, name


def test_each_photo_can_be_looked_at_and_downloaded_with_the_keyboard_alone(
    browser: Browser, server: Server, tmp_path: Path, photo: np.ndarray
) -> None:
    paths = [tmp_path / "Käthe.png", tmp_path / "Bruno.jpg"]
    paths[0].write_bytes(encoded(photo))
    paths[1].write_bytes(encoded(photo[:, :200], ".jpg"))
    browser.choose(*paths)
    assert wait_for_end(browser) == "2 photos: 2 coloured."
    browser.run("document.querySelector('.tile input:checked').focus()")
    for key, width, name in [("ArrowRight", 200, "Bruno_colorized.jpg"),
                             ("ArrowLeft", 256, "Käthe_colorized.png")]:  # fmt: skip
        browser.press(key)
        browser.wait_until(f"document.querySelector('.after').naturalWidth === {width}")
        result = browser.download(".download", tmp_path / "downloads")
        assert result.name == name
        original = next(path for path in paths if path.stem == result.stem.partition("_")[0])
        assert result.read_bytes() == post(server, original.read_bytes()).content
    assert browser.run(
        "[...document.querySelectorAll('.tile')].map(tile => tile.querySelector('input').labels[0]"
        ".innerText)"
    ) == ["Käthe.png\ncoloured", "Bruno.jpg\ncoloured"]


TURNS = {
    1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_270,
}  # fmt: skip
"""How pictures are stored that are to be shown in one of EXIF's orientations."""


def test_photos_of_a_phone_are_upright(browser: Browser, tmp_path: Path, photo: np.ndarray) -> None:
    upright, paths = photo[:, :200], []
    for orientation, turn in TURNS.items():
        exif, image = Image.Exif(), Image.fromarray(upright)
        exif[0x0112] = orientation
        paths.append(tmp_path / f"{orientation}.jpg")
        stored = image if turn is None else image.transpose(turn)
        stored.save(paths[-1], exif=exif, quality=95)
    browser.choose(*paths)
    assert wait_for_end(browser) == "8 photos: 8 coloured."
    for name, content in zipped(browser, tmp_path / "downloads").items():
        picture = decoded(content)
        assert cv2.absdiff(gray_of(picture), upright).mean() < 2, name
    sizes = (
        "[...document.querySelectorAll('.tile canvas')].map(({width, height}) => width < height)"
    )
    assert browser.run(sizes) == [True] * 8


def test_all_photos_are_colored_whole_on_request(
    browser: Browser, server: Server, tmp_path: Path, photo: np.ndarray, faceless: np.ndarray
) -> None:
    paths = [tmp_path / "coins.png", tmp_path / "face.png"]
    paths[0].write_bytes(encoded(faceless))
    paths[1].write_bytes(encoded(photo))
    browser.choose(*paths)
    assert wait_for_end(browser) == "2 photos: 1 coloured, 1 without a face."
    browser.run("document.querySelector('.all').click()")
    assert wait_for_end(browser) == "2 photos: 2 coloured."
    files = zipped(browser, tmp_path / "downloads")
    for path, content in zip(paths, files.values(), strict=True):
        assert content == post(server, path.read_bytes(), "/colorize?whole=1").content
    browser.run("document.querySelector('.clear').click()")
    assert browser.run("document.querySelector('main').dataset.state") == "empty"
    assert tiles(browser) == []


def test_a_photo_waits_while_those_of_others_are_in_work(
    browser: Browser, server: Server, tmp_path: Path, photo: np.ndarray
) -> None:
    path = tmp_path / "old.png"
    path.write_bytes(encoded(photo))
    head = f"POST /colorize HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nContent-Length: 9\r\n\r\n"
    others = [
        socket.create_connection(("127.0.0.1", server.port), SECONDS) for _ in range(1 + WAITING)
    ]
    for other in others:
        other.sendall(head.encode())
    until(lambda: post(server, b"no picture").status == 503)
    browser.choose(path)
    browser.wait_until(
        "/being coloured; this one/.test(document.querySelector('.status').innerText)"
    )
    for other in others:
        other.close()
    browser.wait_until("document.querySelector('main').dataset.state === 'done'")
    assert all("status of 503" in complaint for complaint in browser.complaints)
    browser.complaints.clear()


def test_a_file_over_the_limit_is_refused_without_being_sent(
    browser: Browser, tmp_path: Path
) -> None:
    paths = [tmp_path / "large.tif", tmp_path / "empty.jpg"]
    paths[0].write_bytes(bytes(LIMIT_MB * 1_000_000 + 1))
    paths[1].touch()
    browser.choose(*paths)
    browser.wait_until("document.querySelectorAll('.errors li').length === 2")
    large, empty = text(browser, ".errors").splitlines()
    assert large == f"large.tif is larger than {LIMIT_MB} MB, the limit set by --max-upload-mb."
    assert empty.startswith("empty.jpg is empty")


def test_what_was_not_colored_when_the_program_ended_can_be_tried_again(
    browser: Browser, tmp_path: Path, photo: np.ndarray
) -> None:
    paths = [tmp_path / "1.png", tmp_path / "2.png"]
    for path in paths:
        path.write_bytes(encoded(photo))
    first = start(tmp_path)
    open_page(browser, first)
    assert stop(first) == (0, "", "")
    browser.choose(*paths)
    browser.wait_until("!document.querySelector('.again').hidden")
    assert text(browser, ".errors").startswith("The program behind this page does not answer.")
    assert tiles(browser) == ["1.png\nfailed", "2.png\nwaiting"]
    (complaint,) = browser.complaints
    assert "ERR_CONNECTION_REFUSED" in complaint
    browser.complaints.clear()
    shutil.rmtree(first.working_folder)
    shutil.rmtree(first.temporary_folder)
    second = start(tmp_path, "--port", first.port)
    browser.run("document.querySelector('.again').click()")
    assert wait_for_end(browser) == "2 photos: 2 coloured."
    assert browser.run("document.querySelector('.alarm').hidden")
    assert stop(second) == (0, "", "")


def test_an_empty_folder_is_reported(browser: Browser, tmp_path: Path) -> None:
    folder = tmp_path / "letters"
    folder.mkdir()
    (folder / "letter.txt").write_text("Dear Mr. Daguerre")
    browser.drop(folder)
    browser.wait_until("!document.querySelector('.alarm').hidden")
    assert text(browser, ".errors") == "letters: holds no photo"


def test_what_is_dropped_and_is_no_file_is_reported(browser: Browser) -> None:
    """As a picture from a page in another window, of which browsers give the address alone."""
    browser.run("""{
        const dataTransfer = new DataTransfer();
        dataTransfer.setData("text/uri-list", "https://photos.example/old.jpg");
        dispatchEvent(new DragEvent("drop", { dataTransfer, cancelable: true }));
    }""")
    browser.wait_until("!document.querySelector('.alarm').hidden")
    assert text(browser, ".errors").startswith("That is not a file: save the picture first")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("old.JPG", "old_colorized.jpg"),
        ("archive.2.gif", "archive.2_colorized.jpg"),
        ("old", "old_colorized.jpg"),
        (".old", ".old_colorized.jpg"),
        ("a/b.c/old.jpg", "a/b.c/old_colorized.jpg"),
        ("who? me: \\o.jpg", "who_ me_ _o_colorized.jpg"),
        ("ä" * 125 + ".jpg", "ä" * 120 + "_colorized.jpg"),
    ],
)
def test_results_are_called_as_those_of_the_command_line(
    browser: Browser, path: str, name: str
) -> None:
    assert browser.run(f"nameFor({path!r}, 'picture.jpg')") == name
