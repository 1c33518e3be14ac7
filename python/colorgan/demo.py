"""The local page that colours photographs: an HTTP server, and the one Colorizer behind it.

It has two addresses: `GET /` is the page, `POST /colorize` takes a picture file as its body and
answers with a PNG. Nothing touches the disk and nothing is logged. Other web sites, which the
user's browser may have open, cannot use it.
"""

import base64
import hashlib
import ipaddress
import json
import re
import socket
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingTCPServer
from threading import BoundedSemaphore
from types import TracebackType
from typing import Self

import numpy as np

from colorgan.colorizer import FACE_SIDE, Colorizer
from colorgan.errors import UserError
from colorgan.pictures import encode_picture, read_picture

WAITING = 4  # photos that may wait while another is coloured
IDLE_SECONDS = 10  # for which a client may be silent before it has asked for anything
UPLOAD_SECONDS = 60  # for a whole file to arrive
ANSWER_SECONDS = 60  # for a whole answer to be taken
DISCARD_SECONDS = 5  # for which what a refused client still sends is taken, and forgotten
CHUNK = 1 << 16

METHODS = {"/": "GET", "/colorize": "POST"}
WHOLE = {"": False, "whole=1": True}
"""What may stand after the question mark, and whether it asks for the whole photo."""


class RequestError(Exception):
    """A request that is not served: an HTTP status, and one line for the page to show."""

    def __init__(self, status: HTTPStatus, line: str) -> None:
        super().__init__(line)
        self.status = status


# ----------------------------------------------------------------------------- colouring


@dataclass(frozen=True)
class ColoredPhoto:
    """What became of a photo."""

    png: bytes
    """Upright, of the photo's luminance; gray where nothing was coloured."""
    faces: int
    was_color: bool
    """The file held colour, which was not used."""
    frames: int
    """Pictures in the file; the first is coloured."""
    middle: float
    """Where the middle of the surest face is, or else of the photo, from 0 to 1 of the width."""


class Workshop:
    """A Colorizer in a thread of its own, and the few photos that may be there at a time.

    The thread is the same for all photos: neither the Colorizer nor Caffe, which keeps its device
    by thread, can be shared.
    """

    def __init__(self, weights: Path | None, device: str | None, max_pixels: int) -> None:
        """Load the nets, see `Colorizer`; photos of more than `max_pixels` are refused."""
        self._max_pixels = max_pixels
        self._places = BoundedSemaphore(1 + WAITING)
        self._worker = ThreadPoolExecutor(max_workers=1)
        self._colorizer = self._worker.submit(Colorizer, weights, device).result()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let go of all photos but the one in work, and wait for that."""
        self._worker.shutdown(cancel_futures=True)

    @contextmanager
    def place(self) -> Iterator[None]:
        """Room for one photo, held from before its upload; RequestError where all is taken."""
        if not self._places.acquire(blocking=False):
            raise RequestError(
                HTTPStatus.SERVICE_UNAVAILABLE, "Other photos are waiting; try again in a moment."
            )
        try:
            yield
        finally:
            self._places.release()

    def colorize(self, file: bytes, whole: bool) -> ColoredPhoto:
        """Colour a picture file, after those that came before; UserError if it cannot be read."""
        ending = RequestError(HTTPStatus.SERVICE_UNAVAILABLE, "The program is being ended.")
        try:
            job = self._worker.submit(self._colorize, file, whole)
        except RuntimeError:  # what submit raises from the shutdown on
            raise ending from None
        wait([job])
        if job.cancelled():
            raise ending
        return job.result()

    def _colorize(self, file: bytes, whole: bool) -> ColoredPhoto:
        picture = read_picture(file, "This file", self._max_pixels)
        gray = picture.gray
        count, middle = 1, 0.5
        if gray.shape == (FACE_SIDE, FACE_SIDE):  # a face in the paper's format, aligned already
            colored = self._colorizer.colorize(gray)
        else:
            faces = self._colorizer.find_faces(gray)
            chroma = self._colorizer.predict_chroma(gray, faces)
            colored = self._colorizer.paint(gray, faces, chroma, whole=whole)
            count = len(faces)
            if count:
                middle = float(np.clip(faces[0, :, 0].mean() / gray.shape[1], 0, 1))
        png = encode_picture(colored, picture.alpha, ".png", None)
        return ColoredPhoto(png, count, picture.was_color, picture.frames, middle)


# ----------------------------------------------------------------------------- serving


class DemoServer(ThreadingTCPServer):
    """Serves the page; every request has a thread, the photos share the Workshop's."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, host: str, port: int, workshop: Workshop, max_bytes: int) -> None:
        """Listen on `host` and `port`, 0 for any free one; UserError where that cannot be.

        Files of more than `max_bytes` are refused.
        """
        self.workshop = workshop
        self.max_bytes = max_bytes
        self.page = Path(__file__).with_name("demo_page.html").read_bytes()
        self.page_policy = content_security_policy(self.page)
        try:
            self.address_family, *_, address = socket.getaddrinfo(
                host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
            super().__init__(address, DemoHandler)
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or "no such host"
            raise UserError(
                f"cannot listen on {host}, port {port}: {reason}; choose another --host or --port"
            ) from None
        self.names = self._names()

    @property
    def url(self) -> str:
        """The page's address."""
        host, port = self.server_address[:2]
        return f"http://{_in_url(host)}:{port}/"

    def _names(self) -> set[str] | None:
        """What browsers can call a server in the Host header, where it listens to loopback alone.

        Any other name is another site's, whose owner has let it point here to read what is here.
        """
        host, port = self.server_address[:2]
        if not ipaddress.ip_address(host).is_loopback:
            return None
        names = {"localhost", "127.0.0.1", _in_url(host)}
        return {f"{name}:{port}" for name in names} | (names if port == 80 else set())

    def handle_error(self, request: object, client_address: object) -> None:
        """Print a traceback, unless it was the client that went away."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def content_security_policy(page: bytes) -> str:
    """Allow a page its own style, script and pictures, asking its own server, and nothing else."""
    hashes = {
        tag: base64.b64encode(hashlib.sha256(text).digest()).decode()
        for tag, text in re.findall(rb"<(style|script)>(.*?)</\1>", page, re.DOTALL)
    }
    return "; ".join(
        [
            "default-src 'none'",
            "img-src blob: data:",
            "connect-src 'self'",
            f"style-src 'sha256-{hashes[b'style']}'",
            f"script-src 'sha256-{hashes[b'script']}'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        ]
    )


class DemoHandler(BaseHTTPRequestHandler):
    """Answers one request: with the page, a coloured photo, or `{"error": one line}`."""

    server: DemoServer
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "colorgan", ""
    timeout = IDLE_SECONDS

    def do_GET(self) -> None:  # noqa: N802 (http.server's name)
        """Serve the page."""
        self._serve()

    def do_POST(self) -> None:  # noqa: N802
        """Colour a photo."""
        self._serve()

    def log_message(self, format: str, *values: object) -> None:
        """Log nothing: what people colour is their own business."""

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse what http.server cannot make sense of; it calls other methods unimplemented."""
        status = HTTPStatus(code)
        if status == HTTPStatus.NOT_IMPLEMENTED:
            status = HTTPStatus.METHOD_NOT_ALLOWED
        self._refuse(RequestError(status, f"{message or status.phrase}."))

    def _serve(self) -> None:
        try:
            self._check_sender()
            path, _, query = self.path.partition("?")
            if path not in METHODS:
                raise RequestError(HTTPStatus.NOT_FOUND, "There is no such page here.")
            if self.command != METHODS[path]:
                raise RequestError(
                    HTTPStatus.METHOD_NOT_ALLOWED, f"This takes {METHODS[path]} alone."
                )
            if path == "/":
                policy = {"Content-Security-Policy": self.server.page_policy}
                self._answer(HTTPStatus.OK, "text/html; charset=utf-8", self.server.page, policy)
            else:
                self._colorize(query)
        except RequestError as refusal:
            self._refuse(refusal)
        except (ConnectionError, TimeoutError):
            raise
        except Exception:
            line = "Something went wrong; the terminal that runs this program says what."
            self._refuse(RequestError(HTTPStatus.INTERNAL_SERVER_ERROR, line))
            raise

    def _check_sender(self) -> None:
        """Refuse what other web sites make a browser ask for."""
        host = self.headers.get("Host", "").lower()
        if self.server.names is not None and host not in self.server.names:
            raise RequestError(
                HTTPStatus.MISDIRECTED_REQUEST, "Open the page at the address that was printed."
            )
        if self.command == "GET":
            return
        origin = self.headers.get("Origin", f"http://{host}").lower()
        site = self.headers.get("Sec-Fetch-Site", "same-origin")
        if origin != f"http://{host}" or site not in ("same-origin", "none"):
            raise RequestError(HTTPStatus.FORBIDDEN, "Photos are taken from the page itself alone.")

    def _colorize(self, query: str) -> None:
        if query not in WHOLE:
            raise RequestError(
                HTTPStatus.BAD_REQUEST, "After the question mark, whole=1 alone can be."
            )
        length = self._content_length()
        with self.server.workshop.place():
            file = self._read_body(length)
            try:
                photo = self.server.workshop.colorize(file, WHOLE[query])
            except UserError as error:
                raise RequestError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, str(error)) from None
            found = {
                "X-Faces": str(photo.faces),
                "X-Was-Color": str(int(photo.was_color)),
                "X-Frames": str(photo.frames),
                "X-Middle": f"{photo.middle:.3f}",
            }
            self._answer(HTTPStatus.OK, "image/png", photo.png, found)

    def _content_length(self) -> int:
        text = self.headers.get("Content-Length")
        if text is None or "Transfer-Encoding" in self.headers:
            raise RequestError(
                HTTPStatus.LENGTH_REQUIRED, "The file's size must be said beforehand."
            )
        if not re.fullmatch(r"[0-9]+", text):
            raise RequestError(HTTPStatus.BAD_REQUEST, "The file's size is no number.")
        if len(text) > 15 or int(text) > self.server.max_bytes:
            megabytes = f"{self.server.max_bytes / 1e6:g} MB"
            raise RequestError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"This file is larger than {megabytes}, the most that is taken (--max-upload-mb).",
            )
        return int(text)

    def _read_body(self, length: int) -> bytes:
        deadline = time.monotonic() + UPLOAD_SECONDS
        body = bytearray()
        try:
            while len(body) < length:
                self.connection.settimeout(max(deadline - time.monotonic(), 0.001))
                part = self.rfile.read1(min(length - len(body), CHUNK))
                if not part:
                    raise RequestError(HTTPStatus.BAD_REQUEST, "The file did not arrive whole.")
                body += part
        except TimeoutError:
            raise RequestError(
                HTTPStatus.REQUEST_TIMEOUT, "The file took too long to arrive."
            ) from None
        return bytes(body)

    def _answer(
        self, status: HTTPStatus, content_type: str, content: bytes, headers: dict[str, str]
    ) -> None:
        self.connection.settimeout(ANSWER_SECONDS)
        self.send_response(status)
        fixed = {
            "Content-Type": content_type,
            "Content-Length": str(len(content)),
            "Connection": "close",
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            "Cross-Origin-Resource-Policy": "same-origin",
        }
        for name, value in {**fixed, **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _refuse(self, refusal: RequestError) -> None:
        content = json.dumps({"error": str(refusal)}).encode()
        headers = {}
        if refusal.status == HTTPStatus.METHOD_NOT_ALLOWED:
            headers["Allow"] = METHODS.get(self.path.partition("?")[0], "GET, POST")
        if refusal.status == HTTPStatus.SERVICE_UNAVAILABLE:
            headers["Retry-After"] = "5"
        self._answer(refusal.status, "application/json", content, headers)
        self._discard_rest()

    def _discard_rest(self) -> None:
        """Take what the client still sends: closing before would make it miss the answer."""
        deadline = time.monotonic() + DISCARD_SECONDS
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            while (left := deadline - time.monotonic()) > 0:
                self.connection.settimeout(left)
                if not self.rfile.read1(CHUNK):
                    break
