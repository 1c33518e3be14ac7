"""A photo on the page that is painted on: where it is on the screen, and when it is done."""

from browser import Browser


def wait_for_the_last_stroke(browser: Browser) -> None:
    """Wait until nothing is asked of the program, and what is shown is there."""
    browser.wait_until(
        "document.querySelector('main').dataset.state === 'done' && !request"
        " && document.querySelector('.after').complete && document.getAnimations().length === 0"
    )


def at(browser: Browser, *places: tuple[float, float]) -> list[tuple[float, float]]:
    """Where places of the photo, in parts of its width and height, are on the screen."""
    box = browser.box(".strokes")
    return [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in places]
