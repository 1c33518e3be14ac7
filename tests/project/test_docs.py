"""README and docs: their commands run, their links lead somewhere, their length is kept.

A block ```sh is run by the tests, with bash, in a folder with the pictures that the docs speak of;
blocks of a page share the folder. A block ```sh long is not: its first line says how long it takes,
or what it needs.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from conftest import ROOT
from films import RATE
from programs import run_python

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("data/*/README.md")])
BLOCK = re.compile(r"^```(\w+(?: \w+)*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path) -> Iterator[tuple[str, str]]:
    """The fenced blocks of a page: what stands behind the fence, and their lines."""
    yield from BLOCK.findall(page.read_text())


def runs(page: Path) -> bool:
    return any(kind in ("sh", "python") for kind, _ in blocks(page))


@pytest.fixture
def folder(tmp_path: Path, photo: np.ndarray, truth: np.ndarray) -> Path:
    """A folder with an old photo, strokes for it, a photo in colour, an album, scans and a film."""
    for name in ("old.jpg", "album/one.jpg", "scans/two.tif"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / name), photo)
    strokes = np.zeros((256, 256, 4), np.uint8)
    cv2.line(strokes, (30, 215), (55, 230), (44, 119, 200, 255), 5)
    cv2.imwrite(str(tmp_path / "strokes.png"), strokes)
    cv2.imwrite(str(tmp_path / "cousin.jpg"), truth)
    size = photo.shape[::-1]
    code = cv2.VideoWriter.fourcc(*"mp4v")
    film = cv2.VideoWriter(str(tmp_path / "film.mp4"), code, RATE, size, isColor=False)
    for _ in range(3):
        film.write(photo)
    film.release()
    return tmp_path


@pytest.mark.parametrize("page", list(filter(runs, PAGES)), ids=lambda page: page.stem)
def test_what_a_page_says_can_be_done(page: Path, folder: Path) -> None:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    for kind, text in blocks(page):
        if kind == "sh":
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", text],
                cwd=folder, env=os.environ | {"PATH": path}, capture_output=True, text=True,
            )  # fmt: skip
        elif kind == "python":
            given = "import cv2\ngray = cv2.imread('old.jpg', cv2.IMREAD_GRAYSCALE)\n"
            done = run_python("-c", f"import os\nos.chdir({str(folder)!r})\n{given}{text}")
        else:
            continue
        assert done.returncode == 0, f"{text}\n{done.stderr}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_is_not_run_says_how_long_it_takes_or_what_it_needs(page: Path) -> None:
    for kind, text in blocks(page):
        assert kind in ("sh", "sh long", "python", "text", "mermaid"), kind
        if kind == "sh long":
            assert text.startswith("# "), text


def anchors(page: Path) -> set[str]:
    """The fragments that GitHub makes of a page's headings."""
    headings = re.findall(r"(?m)^#+ (.+)$", page.read_text())
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_link_inside_the_project_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if re.match(r"https?:", target):
            continue
        file, _, fragment = target.partition("#")
        place = (page.parent / file).resolve() if file else page
        assert place.exists(), target
        assert not fragment or fragment in anchors(place), target


def test_a_newcomer_can_finish_the_readme() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 200


def test_every_page_of_the_docs_is_in_their_list() -> None:
    listed = set(re.findall(r"\]\((\w[\w-]*\.md)\)", (ROOT / "docs/README.md").read_text()))
    assert listed == {path.name for path in ROOT.glob("docs/*.md")} - {"README.md"}
