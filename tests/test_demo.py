"""The local page: what its server takes, gives and refuses, and how it works in a browser.

The server is python/demo.py with the released weights. The browser is Debian's Chromium, without a
screen, driven by its DevTools protocol over two pipes.
"""

import base64
import fcntl
import hashlib
import http.client
import io
import itertools
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import skimage.data
from PIL import Image

from colorgan import demo
from conftest import ROOT, Run

LIMIT_MB = 2
SECONDS = 30  # within which all that is waited for must come


@dataclass
class Server:
    """A running python/demo.py, and the two folders in which it could leave something."""

    process: subprocess.Popen[str]
    port: int
    working_folder: Path
    temporary_folder: Path

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    content: bytes

    @property
    def error(self) -> str:
        assert self.headers["Content-Type"] == "application/json"
        message = json.loads(self.content)
        assert list(message) == ["error"]
        assert "\n" not in message["error"]
        return message["error"]

    @property
    def picture(self) -> np.ndarray:
        assert (self.status, self.headers["Content-Type"]) == (200, "image/png"), self.content
        return cv2.imdecode(np.frombuffer(self.content, np.uint8), cv2.IMREAD_UNCHANGED)


def start(folder: Path, *options: object) -> Server:
    working, temporary = folder / "working", folder / "temporary"
    working.mkdir()
    temporary.mkdir()
    process = subprocess.Popen(
        [sys.executable, ROOT / "python/demo.py", "--port", "0", *map(str, options)],
        cwd=working,
        env={**os.environ, "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    line = process.stdout.readline()
    match = re.fullmatch(r"http://127\.0\.0\.1:(\d+)/\n", line)
    assert match, (line, process.communicate())
    return Server(process, int(match[1]), working, temporary)


def stop(server: Server, how: signal.Signals = signal.SIGTERM) -> tuple[int, str, str]:
    """The exit code, and what was printed after the address."""
    server.process.send_signal(how)
    out, err = server.process.communicate(timeout=SECONDS)
    return server.process.returncode, out, err


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = start(tmp_path_factory.mktemp("demo"), "--max-upload-mb", LIMIT_MB)
    yield running
    assert stop(running) == (0, "", "")


def ask(
    server: Server, method: str, path: str, body: bytes | None = None, **headers: str
) -> Answer:
    connection = server.connect()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body, named)
    with connection.getresponse() as response:
        answer = Answer(response.status, response.headers, response.read())
    connection.close()
    return answer


def post(server: Server, body: bytes, path: str = "/colorize", **headers: str) -> Answer:
    return ask(server, "POST", path, body, **headers)


def send_raw(server: Server, request: str, body: bytes = b"") -> Answer:
    """Send just these bytes, after which the client says that it sends no more."""
    with socket.create_connection(("127.0.0.1", server.port), SECONDS) as connection:
        host = f"Host: 127.0.0.1:{server.port}"
        head = "\r\n".join([*request.splitlines(), host, "", ""])
        connection.sendall(head.encode() + body)
        connection.shutdown(socket.SHUT_WR)
        response = http.client.HTTPResponse(connection)
        response.begin()
        return Answer(response.status, response.headers, response.read())


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, "did not come about in time"


def encoded(image: np.ndarray, suffix: str = ".png") -> bytes:
    done, content = cv2.imencode(suffix, image)
    assert done
    return content.tobytes()


def gray_of(bgr: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY)


def most_color(bgr: np.ndarray) -> int:
    """The largest difference between a pixel's channels."""
    return int(np.ptp(bgr.astype(int), axis=2).max())


@pytest.fixture(scope="module")
def faceless() -> np.ndarray:
    """A photograph without a face: a gray page of coins, 303 x 384."""
    return skimage.data.coins()


# ----------------------------------------------------------------------------- colouring


def test_a_photo_comes_back_colored_with_its_luminance(server: Server, photo: np.ndarray) -> None:
    answer = post(server, encoded(photo))
    assert np.array_equal(gray_of(answer.picture), photo)
    assert most_color(answer.picture) > 30
    found = [answer.headers[name] for name in ("X-Faces", "X-Was-Color", "X-Frames")]
    assert found == ["1", "0", "1"]


def test_the_colors_of_a_color_photo_are_not_used(
    server: Server, photo: np.ndarray, truth: np.ndarray
) -> None:
    answer = post(server, encoded(truth))
    assert answer.headers["X-Was-Color"] == "1"
    assert np.array_equal(answer.picture, post(server, encoded(photo)).picture)


def test_a_photo_without_a_face_comes_back_gray_and_says_so(
    server: Server, faceless: np.ndarray
) -> None:
    answer = post(server, encoded(faceless))
    assert answer.headers["X-Faces"] == "0"
    assert np.array_equal(answer.picture, cv2.merge([faceless] * 3))


def test_the_whole_photo_is_colored_on_request(server: Server, faceless: np.ndarray) -> None:
    picture = post(server, encoded(faceless), "/colorize?whole=1").picture
    assert np.array_equal(gray_of(picture), faceless)
    assert most_color(picture) > 5


def test_a_rotated_tiff_comes_back_upright(server: Server, photo: np.ndarray) -> None:
    turned, file = np.rot90(photo[:, :400]), io.BytesIO()
    orientation = Image.Exif()
    orientation[0x0112] = 6  # turn clockwise by a quarter to see it
    Image.fromarray(turned).save(file, "TIFF", exif=orientation)
    picture = post(server, file.getvalue(), Content_Type="text/plain").picture
    assert np.array_equal(gray_of(picture), photo[:, :400])


def test_sixteen_bits_and_transparency_are_kept(server: Server, photo: np.ndarray) -> None:
    deep = photo.astype(np.uint16) * 257
    alpha = np.full_like(deep, 40_000)
    picture = post(server, encoded(cv2.merge([deep, deep, deep, alpha]))).picture
    assert picture.dtype == np.uint16
    assert np.array_equal(picture[..., 3], alpha)
    assert np.array_equal(gray_of(picture[..., :3]), deep)


def test_a_face_in_the_papers_format_is_colored_as_it_stands(
    server: Server, photo: np.ndarray
) -> None:
    face = cv2.resize(photo[70:200, 160:290], (64, 64), interpolation=cv2.INTER_AREA)
    answer = post(server, encoded(face))
    assert answer.headers["X-Faces"] == "1"
    assert answer.picture.shape == (64, 64, 3)
    assert most_color(answer.picture) > 20


def test_photos_at_the_same_time_get_each_its_own_answer(server: Server, photo: np.ndarray) -> None:
    photos = [photo[: 512 - 8 * n] for n in range(demo.WAITING)]
    with ThreadPoolExecutor(len(photos)) as pool:
        answers = list(pool.map(lambda image: post(server, encoded(image)), photos))
    for image, answer in zip(photos, answers, strict=True):
        assert np.array_equal(gray_of(answer.picture), image)


def test_nothing_is_kept_on_disk(server: Server, photo: np.ndarray) -> None:
    assert post(server, encoded(photo)).status == 200
    assert not list(server.working_folder.iterdir())
    assert not list(server.temporary_folder.iterdir())


# ----------------------------------------------------------------------------- refusing


@pytest.mark.parametrize(
    "content",
    [b"", b"no picture", b"\x89PNG\r\n\x1a\n", b"<svg xmlns='http://www.w3.org/2000/svg'/>"],
    ids=["empty", "text", "png signature", "svg"],
)
def test_what_is_no_picture_is_refused_whatever_its_type_says(
    server: Server, content: bytes
) -> None:
    answer = post(server, content, Content_Type="image/png")
    assert answer.status == 415
    assert answer.error.startswith("This file: ")


def test_a_file_over_the_limit_is_refused_and_the_client_sees_why(server: Server) -> None:
    answer = post(server, bytes(64 * LIMIT_MB * 1_000_000))
    assert answer.status == 413
    assert f"larger than {LIMIT_MB} MB" in answer.error


def test_a_picture_of_too_many_pixels_is_refused(tmp_path: Path, photo: np.ndarray) -> None:
    server = start(tmp_path, "--max-megapixels", "0.2")
    assert post(server, encoded(photo[:390])).status == 200
    answer = post(server, encoded(photo[:391]))
    assert answer.status == 415
    assert "megapixels" in answer.error
    assert stop(server, signal.SIGINT) == (0, "", "")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ("", 411),
        ("Transfer-Encoding: chunked", 411),
        ("Content-Length: many", 400),
        ("Content-Length: -1", 400),
        (f"Content-Length: {LIMIT_MB * 1_000_000 + 1}", 413),
        ("Content-Length: " + "9" * 5000, 413),
        ("Content-Length: 100", 400),  # of which 4 arrive
    ],
)
def test_the_size_must_be_said_and_be_true(server: Server, headers: str, status: int) -> None:
    answer = send_raw(server, f"POST /colorize HTTP/1.1\n{headers}".strip(), b"some")
    assert answer.status == status
    assert answer.error


@pytest.mark.parametrize(
    ("method", "path", "status", "allowed"),
    [
        ("GET", "/favicon.ico", 404, None),
        ("GET", "/../python/demo.py", 404, None),
        ("POST", "/colorise", 404, None),
        ("GET", "/colorize", 405, "POST"),
        ("POST", "/", 405, "GET"),
        ("PUT", "/colorize", 405, "POST"),
        ("OPTIONS", "/colorize", 405, "POST"),
        ("POST", "/colorize?whole=yes", 400, None),
    ],
)
def test_there_are_two_addresses_and_a_method_for_each(
    server: Server, method: str, path: str, status: int, allowed: str | None
) -> None:
    answer = ask(server, method, path, b"x" if method == "POST" else None)
    assert (answer.status, answer.headers["Allow"]) == (status, allowed)
    assert answer.error


@pytest.mark.parametrize("request_line", ["", "GET", "GET / HTTP/7.x", "GET /" + "a" * 70_000])
def test_what_is_no_http_gets_one_line_or_nothing(server: Server, request_line: str) -> None:
    with socket.create_connection(("127.0.0.1", server.port), SECONDS) as connection:
        connection.sendall(f"{request_line}\r\n\r\n".encode())
        connection.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    assert not answer or b'{"error": ' in answer


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example:{port}"}, 421),
        ({"Host": "127.0.0.1"}, 421),
        ({"Host": "localhost:{port}"}, 415),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:{port}1"}, 403),
        ({"Origin": "http://localhost:{port}"}, 403),  # another origin than 127.0.0.1
        ({"Origin": "http://127.0.0.1:{port}"}, 415),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 415),
    ],
)
def test_other_sites_cannot_use_the_server(
    server: Server, headers: dict[str, str], status: int
) -> None:
    own = {name: value.format(port=server.port) for name, value in headers.items()}
    assert post(server, b"no picture", **own).status == status


def test_the_page_of_another_sites_name_is_not_shown(server: Server) -> None:
    assert ask(server, "GET", "/", Host=f"evil.example:{server.port}").status == 421


def test_photos_beyond_those_that_may_wait_are_refused(server: Server) -> None:
    head = f"POST /colorize HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nContent-Length: 9\r\n\r\n"
    busy: list[socket.socket] = []  # clients whose files are yet to arrive
    while post(server, b"no picture").status != 503:
        busy.append(socket.create_connection(("127.0.0.1", server.port), SECONDS))
        busy[-1].sendall(head.encode())
        assert len(busy) < 50
    assert len(busy) >= demo.WAITING
    answer = post(server, b"no picture")
    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    assert "waiting" in answer.error
    for connection in busy:
        connection.close()
    until(lambda: post(server, b"no picture").status == 415)


def test_a_file_that_does_not_arrive_in_time_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "UPLOAD_SECONDS", 0.2)
    with (
        demo.Workshop(None, None, 1_000_000) as workshop,
        demo.DemoServer("127.0.0.1", 0, workshop, 1_000_000) as server,
    ):
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.server_address[1]
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
        connection.putrequest("POST", "/colorize")
        connection.putheader("Content-Length", "1000")
        connection.endheaders(b"a part")
        with connection.getresponse() as response:
            assert response.status == 408
        connection.close()
        server.shutdown()


# ----------------------------------------------------------------------------- the program


def test_the_page_may_load_and_ask_its_own_server_alone(server: Server) -> None:
    answer = ask(server, "GET", "/")
    assert answer.status == 200
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    policy = dict(
        directive.split(" ", 1)
        for directive in answer.headers["Content-Security-Policy"].split("; ")
    )
    (script,) = re.findall(rb"<script>(.*?)</script>", answer.content, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script).digest()).decode()
    assert policy["default-src"] == policy["frame-ancestors"] == policy["form-action"] == "'none'"
    assert policy["script-src"] == f"'sha256-{digest}'"
    assert policy["connect-src"] == "'self'"


def test_an_address_of_version_6_is_listened_to_and_printed_in_brackets() -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no ::1")
    with demo.Workshop(None, None, 1) as workshop, demo.DemoServer("::1", 0, workshop, 1) as server:
        port = server.server_address[1]
        assert server.url == f"http://[::1]:{port}/"
        assert f"[::1]:{port}" in server.names


def test_a_server_for_all_the_network_goes_by_any_name() -> None:
    with (
        demo.Workshop(None, None, 1) as workshop,
        demo.DemoServer("0.0.0.0", 0, workshop, 1) as server,
    ):
        assert server.names is None


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_quietly_with_photos_in_work(
    tmp_path: Path, photo: np.ndarray, how: signal.Signals
) -> None:
    server, clients = start(tmp_path), []
    for _ in range(1 + demo.WAITING):
        clients.append(server.connect())
        clients[-1].request("POST", "/colorize", encoded(photo))
    with clients[0].getresponse() as response:  # now one of the others is in work
        response.read()
    assert stop(server, how) == (0, "", "")
    for client in clients:
        client.close()


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--port", "{taken}"], "port {taken}: Address already in use"),
        (["--host", "no.such.host.invalid"], "cannot listen on no.such.host.invalid"),
        (["--host", "192.0.2.1"], "Cannot assign requested address"),
        (["--port", "70000"], "argument --port: 70000 is not from 0 to 65535"),
        (["--weights", "missing.caffemodel"], "missing.caffemodel"),
    ],
)
def test_where_it_cannot_listen_it_says_so(
    run: Run, server: Server, options: list[str], reason: str
) -> None:
    words = [option.format(taken=server.port) for option in options]
    ended = run("python/demo.py", *words)
    assert ended.returncode == 2
    assert ended.stdout == ""
    *usage, line = ended.stderr.splitlines()
    assert line.startswith("demo.py: error: ")
    assert reason.format(taken=server.port) in line
    assert not usage or usage[0].startswith("usage: ")


# ----------------------------------------------------------------------------- the browser


def high_copy(descriptor: int) -> int:
    """A copy of a file descriptor, of a number that is out of the way of 3 and 4."""
    return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 10)


class Browser:
    """Chromium with one page, driven by the DevTools protocol: JSON, each message ended by NUL.

    Attributes:
        complaints: what the page's console got: errors, violated policies, exceptions.
        events: all other events, by their method.
    """

    FLAGS = (
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        "--hide-scrollbars", "--remote-debugging-pipe",
    )  # fmt: skip

    def __init__(self, folder: Path) -> None:
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
        self._numbers, self._received, self._session = itertools.count(1), bytearray(), None
        self.complaints: list[str] = []
        self.events: list[dict[str, Any]] = []
        target = self.do("Target.createTarget", url="about:blank")["targetId"]
        attached = self.do("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "DOM"):
            self.do(f"{domain}.enable")

    def close(self) -> None:
        self._session = None
        try:
            self.do("Browser.close")
            self._process.wait(SECONDS)
        finally:
            if self._process.poll() is None:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()
            os.close(self._commands)
            os.close(self._answers)

    def do(self, method: str, **parameters: object) -> dict[str, Any]:
        """Give a command and return its result."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while (answer := self._receive()).get("id") != number:
            self._keep(answer)
        assert "error" not in answer, (method, answer)
        return answer["result"]

    def wait_for(self, method: str, **parameters: object) -> None:
        """Wait for an event with these parameters."""

        def came(event: dict[str, Any]) -> bool:
            return event["method"] == method and parameters.items() <= event["params"].items()

        while not any(map(came, self.events)):
            self._keep(self._receive())

    def run(self, script: str) -> Any:
        """The value of an expression on the page; of a promise, once it is kept."""
        answer = self.do(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def wait_until(self, condition: str) -> None:
        """Wait for the page to fulfil a condition, looked at before each frame that is drawn."""
        self.run(
            "new Promise(done => { const look = () => "
            f"({condition}) ? done() : requestAnimationFrame(look); look(); }})"
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

    def choose(self, path: Path) -> None:
        """Give the page's file input a file."""
        found = self.do("Runtime.evaluate", expression="document.querySelector('#file')")
        self.do("DOM.setFileInputFiles", files=[str(path)], objectId=found["result"]["objectId"])

    def press(self, key: str) -> None:
        codes = {"ArrowRight": 39, "ArrowLeft": 37, "Home": 36, "End": 35, "Tab": 9, "Space": 32}
        named = {"key": " ", "text": " "} if key == "Space" else {"key": key}
        for kind in ("keyDown", "keyUp"):
            self.do(
                "Input.dispatchKeyEvent",
                type=kind, code=key, windowsVirtualKeyCode=codes[key], **named,
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

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._received:
            ready, _, _ = select.select([self._answers], [], [], SECONDS)
            assert ready, "the browser is silent"
            part = os.read(self._answers, 1 << 20)
            assert part, "the browser ended"
            self._received += part
        message, _, self._received = self._received.partition(b"\0")
        return json.loads(message)

    def _keep(self, event: dict[str, Any]) -> None:
        parameters = json.dumps(event["params"])
        logged = event["method"] in ("Log.entryAdded", "Runtime.consoleAPICalled")
        if logged or event["method"] == "Runtime.exceptionThrown":
            self.complaints.append(parameters)
        else:
            self.events.append(event)


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    if shutil.which("chromium") is None:
        pytest.skip("no chromium: apt-get install chromium")
    running = Browser(tmp_path / "profile")
    yield running
    running.close()
    assert running.complaints == []


STATE = "document.querySelector('main').dataset.state"


def open_page(browser: Browser, server: Server) -> None:
    """Show the page, in a window in which the astronaut is as large as she is."""
    browser.do(
        "Emulation.setDeviceMetricsOverride",
        width=1100, height=900, deviceScaleFactor=1, mobile=False,
    )  # fmt: skip
    browser.do("Page.navigate", url=f"http://127.0.0.1:{server.port}/")
    browser.wait_for("Page.loadEventFired")


def wait_for_result(browser: Browser, status: str) -> None:
    """Wait for a result that is told of so, and for the slider to come to rest."""
    told = f"document.querySelector('.status').textContent === {json.dumps(status)}"
    browser.wait_until(f"{STATE} === 'done' && {told} && document.getAnimations().length === 0")


def split(browser: Browser) -> float:
    """Where gray ends and colour begins, in per cent of the width."""
    frame = "getComputedStyle(document.querySelector('.frame'))"
    return browser.run(f"parseFloat({frame}.getPropertyValue('--split'))")


CLEAR = slice(20, 120), slice(40, 340)
"""The part of the frame that nothing lies over: no tags, no handle, no rounded corners."""


def shows(browser: Browser, picture: np.ndarray) -> bool:
    """Whether a picture is seen in the frame, at its natural size."""
    seen = browser.screenshot(".frame")
    return seen.shape == picture.shape and cv2.absdiff(seen[CLEAR], picture[CLEAR]).max() <= 2


@pytest.fixture
def jpeg(tmp_path: Path, photo: np.ndarray) -> Path:
    path = tmp_path / "old photo.jpeg"
    path.write_bytes(encoded(photo, ".jpeg"))
    return path


def test_the_page_shows_before_and_after(browser: Browser, server: Server, jpeg: Path) -> None:
    colored = post(server, jpeg.read_bytes()).picture
    gray = cv2.merge([gray_of(colored)] * 3)
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
    browser.do(
        "Browser.setDownloadBehavior",
        behavior="allow", downloadPath=str(folder), eventsEnabled=True,
    )  # fmt: skip
    browser.run("document.querySelector('.download').click()")
    browser.wait_for("Browser.downloadProgress", state="completed")
    result = folder / "Eileen.Collins_colorized.png"
    assert result.read_bytes() == post(server, path.read_bytes()).content


def test_a_photo_can_be_chosen_by_keyboard(browser: Browser, server: Server) -> None:
    open_page(browser, server)
    browser.do("Page.setInterceptFileChooserDialog", enabled=True)
    browser.press("Tab")
    outline = "getComputedStyle(document.querySelector('.drop')).outlineStyle"
    assert browser.run(outline) == "solid"
    browser.press("Space")
    browser.wait_for("Page.fileChooserOpened", mode="selectSingle")


def test_a_dropped_tiff_without_a_face_is_shown_and_offered_to_be_colored_whole(
    browser: Browser, server: Server, tmp_path: Path, faceless: np.ndarray
) -> None:
    path = tmp_path / "coins.tif"
    path.write_bytes(encoded(faceless, ".tif"))
    open_page(browser, server)
    data = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        browser.do("Input.dispatchDragEvent", type=kind, x=300, y=300, data=data)
    wait_for_result(browser, "No face was found, so nothing is coloured yet.")
    assert browser.run("document.querySelector('.before').naturalWidth") == faceless.shape[1]
    assert shows(browser, cv2.merge([faceless] * 3))
    assert browser.run("document.querySelector('.download').hidden")
    browser.run("document.querySelector('.whole').click()")
    wait_for_result(browser, "No face was found, the whole photo is coloured.")
    browser.run("document.querySelector('.split').focus()")
    browser.press("Home")
    assert shows(browser, post(server, path.read_bytes(), "/colorize?whole=1").picture)


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
    message = browser.run("document.querySelector('[role=alert]').innerText")
    assert message == post(server, wrong.read_bytes()).error
    browser.choose(jpeg)
    wait_for_result(browser, "One face was found, and coloured.")
    assert browser.run("document.querySelector('[role=alert]').hidden")
