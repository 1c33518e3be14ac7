"""The page as users start it, `colorgan demo`, for tests: its server, and what to ask it."""

import email
import email.policy
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

import cv2
import numpy as np

SECONDS = 120  # within which all that is waited for must come, on a busy machine, too


@dataclass
class Server:
    """A running `colorgan demo`, and the two folders in which it could leave something."""

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
        assert self.status == 200, self.content
        assert self.headers.get_content_maintype() == "image"
        return decoded(self.content)

    @property
    def parts(self) -> dict[str, EmailMessage]:
        """What a form holds that was asked for, by its fields' names."""
        assert (self.status, self.headers.get_content_type()) == (200, "multipart/form-data")
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        message = email.message_from_bytes(head + self.content, policy=email.policy.HTTP)
        fields = [
            part.get_param("name", header="Content-Disposition") for part in message.iter_parts()
        ]
        return dict(zip(fields, message.iter_parts(), strict=True))


def start(folder: Path, *options: object) -> Server:
    working, temporary = folder / "working", folder / "temporary"
    working.mkdir()
    temporary.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "colorgan", "demo", "--port", "0", *map(str, options)],
        cwd=working,
        env={**os.environ, "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    line = process.stdout.readline()
    match = re.fullmatch(r"http://(?:127\.0\.0\.1|0\.0\.0\.0):(\d+)/\n", line)
    assert match, (line, process.communicate())
    if "--public-url" in options:
        assert process.stdout.readline() == f"{options[options.index('--public-url') + 1]}\n"
    return Server(process, int(match[1]), working, temporary)


def stop(server: Server, how: signal.Signals = signal.SIGTERM) -> tuple[int, str, str]:
    """The exit code, and what was printed after the address."""
    server.process.send_signal(how)
    out, err = server.process.communicate(timeout=SECONDS)
    return server.process.returncode, out, err


@contextmanager
def serving_page(folder: Path, *options: object) -> Iterator[Server]:
    """The page while the block lasts, of which nothing but the address is printed."""
    server = start(folder, *options)
    yield server
    assert stop(server) == (0, "", "")


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


def decoded(content: bytes) -> np.ndarray:
    """The picture in a file, upright."""
    return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)


def gray_of(bgr: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY)


def most_color(bgr: np.ndarray) -> int:
    """The largest difference between a pixel's channels."""
    return int(np.ptp(bgr.astype(int), axis=2).max())
