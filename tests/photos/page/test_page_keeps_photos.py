"""The photos that the page's server keeps to be painted on: what it takes, and for how long."""

import asyncio
import json
from collections.abc import Iterator

import cv2
import numpy as np
import pytest
import skimage.data

from colorgan.photos.coloring.colorizer import Colorizer
from colorgan.photos.coloring.sitting import Sitting
from colorgan.photos.page.kept import KEPT, KEPT_SECONDS, KeptPhoto, KeptPhotos
from colorgan.photos.pictures.reading import Picture
from conftest import chroma_in
from served_page import Answer, Server, ask, encoded, gray_of, post, serving_page

PLACE = slice(125, 131), slice(30, 45)  # of the coins


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving_page(tmp_path_factory.mktemp("demo"), "--max-upload-mb", 2) as running:
        yield running


@pytest.fixture
def name(server: Server, faceless: np.ndarray) -> str:
    """Under which the photo is kept."""
    answer = post(server, encoded(faceless), "/photos")
    assert answer.status == 201
    return json.loads(answer.content)["photo"]


@pytest.fixture(scope="module")
def strokes() -> bytes:
    picture = np.zeros((152, 192, 4), np.uint8)
    picture[PLACE] = 200, 80, 32, 255
    return encoded(picture)


def is_blue(answer: Answer) -> bool:
    cb, cr = chroma_in(answer.picture[PLACE]).mean(axis=(1, 2))
    return bool(cb > 0.1 and cr < -0.04)


def test_a_kept_photo_is_painted_again_and_again(
    server: Server, name: str, strokes: bytes, faceless: np.ndarray
) -> None:
    for _ in range(2):
        answer = post(server, strokes, f"/photos/{name}")
        assert is_blue(answer) and answer.headers["X-Faces"] == "0"
        np.testing.assert_array_equal(gray_of(answer.picture), faceless)
        bare = post(server, b"", f"/photos/{name}").picture
        np.testing.assert_array_equal(bare, cv2.merge([faceless] * 3))
    whole = post(server, strokes, f"/photos/{name}?whole=1")
    assert is_blue(whole)
    expected = post(server, encoded(faceless), "/colorize?whole=1").content
    assert post(server, b"", f"/photos/{name}?whole=1").content == expected


def test_a_kept_photo_gets_the_colors_of_another_until_it_does_not(
    server: Server, name: str, strokes: bytes
) -> None:
    coffee = encoded(skimage.data.coffee()[..., ::-1], ".jpg")
    assert post(server, coffee, f"/photos/{name}/reference").status == 204
    cb, cr = chroma_in(post(server, b"", f"/photos/{name}").picture).mean(axis=(1, 2))
    assert cb < -0.005 and cr > 0.005  # brown
    assert is_blue(post(server, strokes, f"/photos/{name}"))
    assert post(server, b"", f"/photos/{name}/reference").status == 204
    assert not np.ptp(post(server, b"", f"/photos/{name}").picture, axis=2).any()


def test_what_is_forgotten_or_was_never_kept_is_said_to_be_gone(
    server: Server, name: str, strokes: bytes
) -> None:
    assert post(server, b"", f"/photos/{name}/forget").status == 204
    assert post(server, b"", f"/photos/{name}/forget").status == 204
    for path in (f"/photos/{name}", "/photos/0", f"/photos/{name}/reference"):
        answer = post(server, strokes, path)
        assert answer.status == 410
        assert "no longer kept" in answer.error


def test_names_tell_nothing_of_each_other(server: Server, faceless: np.ndarray) -> None:
    small = encoded(faceless[:100, :100])
    names = {json.loads(post(server, small, "/photos").content)["photo"] for _ in range(3)}
    assert len(names) == 3 and all(len(name) == 32 for name in names)


@pytest.mark.parametrize("what", ["", "/reference"])
def test_what_is_no_picture_for_it_is_refused_and_the_photo_kept(
    server: Server, name: str, strokes: bytes, faceless: np.ndarray, what: str
) -> None:
    for body in (b"no picture", encoded(faceless), encoded(np.zeros((152, 192, 4), np.uint8))):
        answer = post(server, body, f"/photos/{name}{what}")
        assert answer.status == 415
        assert answer.error.startswith("This ")
    assert is_blue(post(server, strokes, f"/photos/{name}"))


def test_strokes_of_other_proportions_are_refused(server: Server, name: str) -> None:
    answer = post(server, encoded(np.zeros((192, 152, 4), np.uint8)), f"/photos/{name}")
    assert answer.status == 415
    assert "152 x 192 pixels do not have the proportions of the photo, 192 x 152" in answer.error


def test_all_that_guards_the_page_guards_kept_photos(
    server: Server, name: str, strokes: bytes
) -> None:
    for path in ("/photos", f"/photos/{name}", f"/photos/{name}/reference"):
        assert post(server, strokes, path, Origin="https://evil.example").status == 403
        assert post(server, strokes, path, Host="evil.example").status == 421
        assert post(server, bytes(2_000_001), path).status == 413
        assert post(server, strokes, f"{path}?whole=2").status == 400
        assert ask(server, "GET", path).status == 405


# ----------------------------------------------------------------------------- for how long


def photo_of(colorizer: Colorizer, pixels: int) -> KeptPhoto:
    gray = np.zeros((64, 64), np.uint8)
    wide = np.zeros((1, pixels), np.uint8)
    return KeptPhoto(Picture(wide, None, False, 1), Sitting(colorizer, gray))


def test_few_photos_of_not_too_many_pixels_are_kept_at_a_time(colorizer: Colorizer) -> None:
    async def fill(pixels: int, count: int) -> tuple[int, bool, bool]:
        photos = KeptPhotos(max_pixels=1000)
        first = photos.add(photo_of(colorizer, pixels))
        second = photos.add(photo_of(colorizer, pixels))
        photos.get(first)
        for _ in range(count - 2):
            photos.add(photo_of(colorizer, pixels))
        return len(photos), photos.get(first) is not None, photos.get(second) is not None

    assert asyncio.run(fill(10, KEPT + 1)) == (KEPT, True, False)
    assert asyncio.run(fill(400, 3)) == (2, True, False)
    assert asyncio.run(fill(2000, 3)) == (1, False, False)


def test_a_photo_is_let_go_of_some_time_after_it_was_last_asked_for(
    colorizer: Colorizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a clock of the event loop that only the test moves."""

    async def count() -> tuple[int, int, int]:
        now = 0.0
        monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now)

        async def kept_after(share: float) -> int:
            nonlocal now
            now += share * KEPT_SECONDS
            for _ in range(2):  # the loop's turns until what is due is done
                await asyncio.sleep(0)
            return len(photos)

        photos = KeptPhotos(max_pixels=1000)
        name = photos.add(photo_of(colorizer, 10))
        photos.add(photo_of(colorizer, 10))
        before = await kept_after(0.6)
        photos.get(name)
        return before, await kept_after(0.6), await kept_after(0.6)

    assert asyncio.run(count()) == (2, 1, 0)
