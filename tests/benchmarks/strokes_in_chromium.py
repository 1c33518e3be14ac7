"""A stroke on the page, in Chromium: milliseconds from the pointer's release to each step.

Not a test, which asserts no times, but a program: docs/speed.md has its command.
"""

import argparse
import tempfile
from pathlib import Path

import cv2
import numpy as np
import skimage.data

from browser import Browser, browsing, running_chromium
from painted_page import at
from painted_page import wait_for_the_last_stroke as wait
from served_page import serving_page

STEPS = ("the strokes are a PNG", "the answer begins", "it has come", "it is shown")

# Notes the time when a stroke ends, and when each of the page's own steps is done.
WATCH = """(() => {
  window.times = [];
  const note = () => times.push(performance.now());
  const [draw, ask, show, add] = [strokesFile, fetch, present, addStroke];
  addStroke = (...all) => { times.length = 0; note(); add(...all); };
  strokesFile = async (photo) => { const file = await draw(photo); note(); return file; };
  window.fetch = async (...all) => { const answer = await ask(...all); note(); return answer; };
  present = async (...all) => { note(); await show(...all); note(); };
})(); 0"""


def photo() -> np.ndarray:
    """The astronaut, enlarged to 2 megapixels."""
    gray = cv2.cvtColor(skimage.data.astronaut(), cv2.COLOR_RGB2GRAY)
    return cv2.resize(gray, (1632, 1632), interpolation=cv2.INTER_CUBIC)[:1224]


def stroke_times(browser: Browser, count: int) -> np.ndarray:
    """Milliseconds from the end of each stroke to each step, `(count, 4)`."""
    rows = []
    for number in range(count):
        x, y = 0.06 + 0.025 * (number % 8), 0.8 + 0.03 * (number // 8)
        browser.drag(*at(browser, (x, y), (x + 0.03, y + 0.02)))
        wait(browser)
        times = np.array(browser.run("times"))
        rows.append(times[1:] - times[0])
    return np.array(rows)


def main() -> None:
    """Print a table: the least and the median of several strokes, for each step."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--format", choices=("jpg", "png", "webp"), default="jpg")
    parser.add_argument("--strokes", type=int, default=14, metavar="N")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / f"photo.{options.format}"
        cv2.imwrite(str(file), photo())
        (folder / "page").mkdir()
        with (
            running_chromium(folder / "profile") as chromium,
            serving_page(folder / "page") as server,
            browsing(chromium) as browser,
        ):
            browser.resize(1100, 1200)
            browser.open(f"http://127.0.0.1:{server.port}/")
            browser.choose(file)
            wait(browser)
            browser.run("document.querySelector('.paint').click()")
            wait(browser)
            browser.run(WATCH)
            times = stroke_times(browser, options.strokes)
    for step, least, median in zip(STEPS, times.min(axis=0), np.median(times, axis=0), strict=True):
        print(f"{step:<24}{least:6.0f}{median:6.0f} ms")


if __name__ == "__main__":
    main()
