"""A browser for tests: Debian's Chromium, without a screen, by its DevTools protocol."""

import base64
import fcntl
import itertools
import json
import os
import select
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

SECONDS = 120  # within which all that is waited for must come, on a busy machine, too


def high_copy(descriptor: int) -> int:
    """A copy of a file descriptor, of a number that is out of the way of 3 and 4."""
    return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 10)


class Chromium:
    """Chromium as it runs, without a page: JSON both ways, each message ended by NUL.

    It takes this machine for photos.example, and every certificate for true.
    """

    FLAGS = (
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        "--hide-scrollbars", "--remote-debugging-pipe", "--ignore-certificate-errors",
        "--host-resolver-rules=MAP photos.example 127.0.0.1",
    )  # fmt: skip

    def __init__(self, folder: Path) -> None:
        """Start it; the folder, which must not exist, is for its profile."""
        commands, self._commands = os.pipe()
        self._answers, answers = os.pipe()
        # Chromium reads from descriptor 3 and writes to 4, which bash puts in place.
        pipes = [high_copy(commands), high_copy(answers)]
        self._process = subprocess.Popen(
            ["bash", "-c", f'exec "$@" 3<&{pipes[0]} 4>&{pipes[1]}', "bash", "chromium",
             *self.FLAGS, f"--user-data-dir={folder}"],
            pass_fds=pipes, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        for descriptor in (commands, answers, *pipes):
            os.close(descriptor)
        self._numbers, self._received = itertools.count(1), bytearray()

    def send(self, method: str, parameters: dict[str, Any], session: str | None = None) -> int:
        """Give a command to the browser, or to a page's session; its number comes back with it."""
        message = {"id": next(self._numbers), "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        return message["id"]

    def receive(self) -> dict[str, Any]:
        """The next answer or event."""
        while b"\0" not in self._received:
            ready, _, _ = select.select([self._answers], [], [], SECONDS)
            assert ready, "the browser is silent"
            part = os.read(self._answers, 1 << 20)
            assert part, "the browser ended"
            self._received += part
        message, _, self._received = self._received.partition(b"\0")
        return json.loads(message)

    def close(self) -> None:
        """End it, by force where it does not end by itself."""
        try:
            self.send("Browser.close", {})
            self._process.wait(SECONDS)
        finally:
            if self._process.poll() is None:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()
            os.close(self._commands)
            os.close(self._answers)


class Browser:
    """A page in a context of its own, which shares nothing with those before it.

    Attributes:
        complaints: what the page's console got: errors, violated policies, exceptions.
        events: all other events, by their method.
    """

    def __init__(self, chromium: Chromium) -> None:
        self._chromium, self._session = chromium, None
        self.complaints: list[str] = []
        self.events: list[dict[str, Any]] = []
        context = self.do("Target.createBrowserContext")
        self._context = context["browserContextId"]
        target = self.do("Target.createTarget", url="about:blank", **context)["targetId"]
        attached = self.do("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "DOM"):
            self.do(f"{domain}.enable")
        self.set_motion(False)

    def set_motion(self, wanted: bool) -> None:
        """Whether things may glide, which takes long: no graphics card draws each step."""
        preference = "no-preference" if wanted else "reduce"
        feature = {"name": "prefers-reduced-motion", "value": preference}
        self.do("Emulation.setEmulatedMedia", features=[feature])

    def close(self) -> None:
        """Close the page, and forget all that it left."""
        self._session = None
        self.do("Target.disposeBrowserContext", browserContextId=self._context)

    def do(self, method: str, **parameters: object) -> dict[str, Any]:
        """Give a command and return its result."""
        number = self._chromium.send(method, parameters, self._session)
        while (answer := self._chromium.receive()).get("id") != number:
            self._keep(answer)
        assert "error" not in answer, (method, answer)
        return answer["result"]

    def open(self, url: str) -> None:
        """Show a page, in the size that `resize` gave the window."""
        self.do("Page.navigate", url=url)
        self.wait_for("Page.loadEventFired")

    def resize(self, width: int, height: int) -> None:
        """Make the window so many pixels wide and high."""
        self.do(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=False,
        )  # fmt: skip

    def wait_for(self, method: str, **parameters: object) -> None:
        """Wait for an event with these parameters."""

        def came(event: dict[str, Any]) -> bool:
            return event["method"] == method and parameters.items() <= event["params"].items()

        while not any(map(came, self.events)):
            self._keep(self._chromium.receive())

    def run(self, script: str) -> Any:
        """The value of an expression on the page; of a promise, once it is kept."""
        answer = self.do(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def wait_until(self, condition: str) -> None:
        """Wait for the page to fulfil a condition, and to draw itself once more."""
        self.run(
            "new Promise(done => { const look = () => "
            f"({condition}) ? requestAnimationFrame(done) : setTimeout(look, 20); look(); }})"
        )

    def screenshot(self, selector: str) -> np.ndarray:
        """What an element of the page looks like: BGR."""
        data = self.do("Page.captureScreenshot", clip={**self.box(selector), "scale": 1})["data"]
        return cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR)

    def box(self, selector: str) -> dict[str, float]:
        """Where an element is on the page: x, y, width, height."""
        return self.run(
            "(({x, y, width, height}) => ({x: x + scrollX, y: y + scrollY, width, height}))"
            f"(document.querySelector('{selector}').getBoundingClientRect())"
        )

    def choose(self, *paths: Path, selector: str = "#file") -> None:
        """Give a file input of the page files."""
        found = self.do("Runtime.evaluate", expression=f"document.querySelector('{selector}')")
        handle = found["result"]["objectId"]
        self.do("DOM.setFileInputFiles", files=[str(path) for path in paths], objectId=handle)

    def drop(self, *paths: Path) -> None:
        """Drop files or folders on the page."""
        data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            self.do("Input.dispatchDragEvent", type=kind, x=300, y=300, data=data)

    def download(self, selector: str, folder: Path) -> Path:
        """Click a button that downloads a file, and wait for it."""
        self.do(
            "Browser.setDownloadBehavior",
            behavior="allow", downloadPath=str(folder), eventsEnabled=True,
            browserContextId=self._context,
        )  # fmt: skip
        before = set(folder.glob("*"))
        self.events.clear()
        self.run(f"document.querySelector('{selector}').click()")
        self.wait_for("Browser.downloadProgress", state="completed")
        (path,) = set(folder.glob("*")) - before
        return path

    def press(self, key: str, modifiers: int = 0) -> None:
        """Press a key and release it; modifiers are 2 for Ctrl and 8 for Shift."""
        codes = {
            "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40, "Home": 36,
            "End": 35, "Tab": 9, "Space": 32, "Escape": 27, "Shift": 16,
        }  # fmt: skip
        is_named = key in codes
        named = {"key": " ", "text": " "} if key == "Space" else {"key": key}
        for kind in ("keyDown", "keyUp"):
            self.do(
                "Input.dispatchKeyEvent",
                type=kind, code=key if is_named else f"Key{key.upper()}", modifiers=modifiers,
                windowsVirtualKeyCode=codes[key] if is_named else ord(key.upper()), **named,
            )  # fmt: skip

    def drag(self, *points: tuple[float, float]) -> None:
        """Press the mouse's button at the first point, release it at the last."""
        kinds = ["mousePressed", *["mouseMoved"] * (len(points) - 1), "mouseReleased"]
        for kind, (x, y) in zip(kinds, [*points, points[-1]], strict=True):
            self.do(
                "Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1,
                clickCount=1,
            )  # fmt: skip

    def swipe(self, *points: tuple[float, float]) -> None:
        """Lay a finger on the first point, take it off at the last."""
        for kind, (x, y) in zip(["touchStart", *["touchMove"] * len(points)], points, strict=False):
            self.do("Input.dispatchTouchEvent", type=kind, touchPoints=[{"x": x, "y": y}])
        self.do("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])

    def _keep(self, event: dict[str, Any]) -> None:
        if event.get("sessionId") not in (None, self._session):
            return  # of a page before this one
        parameters = json.dumps(event["params"])
        logged = event["method"] in ("Log.entryAdded", "Runtime.consoleAPICalled")
        if logged or event["method"] == "Runtime.exceptionThrown":
            self.complaints.append(parameters)
        else:
            self.events.append(event)


@contextmanager
def running_chromium(folder: Path) -> Iterator[Chromium]:
    """Chromium while the block lasts; without one, the test is skipped."""
    if shutil.which("chromium") is None:
        pytest.skip("no chromium: apt-get install chromium")
    chromium = Chromium(folder)
    yield chromium
    chromium.close()


@contextmanager
def browsing(chromium: Chromium) -> Iterator[Browser]:
    """A browser while the block lasts, which has nothing to complain of at its end."""
    browser = Browser(chromium)
    yield browser
    browser.close()
    assert browser.complaints == []
