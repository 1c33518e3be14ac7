"""The local page: what its server takes, gives and refuses.

The server is `colorgan demo` with the released weights.
"""

import base64
import hashlib
import http.client
import io
import re
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from colorgan.photos.page.server import PageServer
from colorgan.photos.page.workshop import WAITING, Workshop
from conftest import Run
from served_page import (
    SECONDS,
    Server,
    ask,
    decoded,
    encoded,
    gray_of,
    most_color,
    post,
    send_raw,
    serving_page,
    start,
    stop,
    until,
)

LIMIT_MB = 2


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving_page(tmp_path_factory.mktemp("demo"), "--max-upload-mb", LIMIT_MB) as running:
        yield running


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


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_a_photo_comes_back_upright(
    server: Server, photo: np.ndarray, kind: str, orientation: int
) -> None:
    upright = photo[:, :200]
    answer = post(server, turned(upright, orientation, kind), Content_Type="text/plain")
    assert answer.picture.shape == (256, 200, 3)
    assert cv2.absdiff(gray_of(answer.picture), upright).mean() < 2
    with Image.open(io.BytesIO(answer.content)) as image:
        assert image.getexif().get(0x0112, 1) == 1


def turned(upright: np.ndarray, orientation: int, kind: str) -> bytes:
    """A file whose EXIF orientation says how to turn it upright."""
    stored = upright.T if orientation >= 5 else upright
    across, down = {2: (1, 0), 3: (1, 1), 4: (0, 1), 6: (0, 1), 7: (1, 1), 8: (1, 0)}.get(
        orientation, (0, 0)
    )
    stored = stored[:: -1 if down else 1, :: -1 if across else 1]
    exif, file = Image.Exif(), io.BytesIO()
    exif[0x0112] = orientation
    Image.fromarray(stored).save(file, kind, exif=exif, quality=95)
    return file.getvalue()


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_bits_and_transparency_are_kept(
    server: Server, photo: np.ndarray, suffix: str, bits: int
) -> None:
    gray = photo if bits == 8 else photo.astype(np.uint16) * 257
    alpha = np.full_like(gray, np.iinfo(gray.dtype).max // 2)
    picture = post(server, encoded(cv2.merge([gray, gray, gray, alpha]), suffix)).picture
    assert picture.dtype == gray.dtype
    assert np.array_equal(picture[..., 3], alpha)
    assert np.array_equal(gray_of(picture[..., :3]), gray)


@pytest.mark.parametrize(
    ("suffix", "media_type"),
    [(".jpg", "image/jpeg"), (".png", "image/png"), (".tiff", "image/tiff"),
     (".webp", "image/webp"), (".bmp", "image/png"), (".gif", "image/png"), (".pgm", "image/png")],
)  # fmt: skip
def test_a_photo_keeps_its_format_where_that_is_written(
    server: Server, photo: np.ndarray, suffix: str, media_type: str
) -> None:
    file = io.BytesIO()
    Image.fromarray(photo).save(file, Image.registered_extensions()[suffix])
    answer = post(server, file.getvalue())
    assert answer.headers["Content-Type"] == media_type
    with Image.open(io.BytesIO(answer.content)) as image:
        assert Image.MIME[image.format] == media_type
    assert cv2.absdiff(gray_of(answer.picture), photo).mean() < 3


def test_something_to_look_at_comes_with_what_browsers_cannot_show(
    server: Server, photo: np.ndarray
) -> None:
    wide = cv2.resize(photo, (4000, 1000))
    accepted = {"Accept": "multipart/form-data"}
    parts = post(server, encoded(wide, ".tif"), **accepted).parts
    assert [part.get_filename() for part in parts.values()] == ["picture.tif", "preview.jpg"]
    picture, preview = (decoded(part.get_content()) for part in parts.values())
    assert (picture.shape, preview.shape) == ((1000, 4000, 3), (512, 2048, 3))
    assert (
        cv2.absdiff(cv2.resize(picture, (2048, 512), interpolation=cv2.INTER_AREA), preview).mean()
        < 2
    )
    (alone,) = post(server, encoded(photo, ".jpg"), **accepted).parts.values()
    assert (alone.get_filename(), alone.get_content_type()) == ("picture.jpg", "image/jpeg")
    assert alone.get_content() == post(server, encoded(photo, ".jpg")).content


def test_a_face_in_the_papers_format_is_colored_as_it_stands(
    server: Server, photo: np.ndarray
) -> None:
    face = cv2.resize(photo[35:100, 80:145], (64, 64), interpolation=cv2.INTER_AREA)
    answer = post(server, encoded(face))
    assert answer.headers["X-Faces"] == "1"
    assert answer.picture.shape == (64, 64, 3)
    assert most_color(answer.picture) > 20


def test_photos_at_the_same_time_get_each_its_own_answer(server: Server, photo: np.ndarray) -> None:
    photos = [photo[: 256 - 8 * n] for n in range(WAITING)]
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
    server = start(tmp_path, "--max-megapixels", "0.05")
    assert post(server, encoded(photo[:195])).status == 200
    answer = post(server, encoded(photo[:196]))
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
        ("Content-Length: " + "9" * 20, 413),
        ("Content-Length: " + "9" * 5000, 400),  # no number that anyone means
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
        ("GET", "/colorize/", 404, None),
        ("POST", "/colorize?whole=yes", 400, None),
    ],
)
def test_there_are_two_addresses_and_a_method_for_each(
    server: Server, method: str, path: str, status: int, allowed: str | None
) -> None:
    answer = ask(server, method, path, b"x" if method == "POST" else None)
    assert (answer.status, answer.headers["Allow"]) == (status, allowed)
    assert answer.error


def test_nobody_asks_for_the_head_of_the_page(server: Server) -> None:
    answer = ask(server, "HEAD", "/")
    assert (answer.status, answer.headers["Allow"], answer.content) == (405, "GET", b"")


@pytest.mark.parametrize("request_line", ["", "GET", "GET / HTTP/7.x", "GET /" + "a" * 70_000])
def test_what_is_no_http_gets_one_line_or_nothing(server: Server, request_line: str) -> None:
    with socket.create_connection(("127.0.0.1", server.port), SECONDS) as connection:
        connection.sendall(f"{request_line}\r\n\r\n".encode())
        connection.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    assert not answer or b'{"error": ' in answer


def test_a_refused_body_that_is_no_http_ends_quietly(server: Server) -> None:
    head = f"POST /colorize HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
    with socket.create_connection(("127.0.0.1", server.port), SECONDS) as connection:
        connection.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        response = http.client.HTTPResponse(connection)
        response.begin()
        assert (response.status, response.getheader("Connection")) == (411, "close")
        response.read()
        connection.sendall(b"no chunk\r\n")
        assert connection.recv(1) == b""


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example:{port}"}, 421),
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
    assert len(busy) >= WAITING
    answer = post(server, b"no picture")
    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    assert "waiting" in answer.error
    for connection in busy:
        connection.close()
    until(lambda: post(server, b"no picture").status == 415)


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
    with Workshop(None, None, 1) as workshop, PageServer("::1", 0, workshop, 1) as server:
        assert server.url == f"http://[::1]:{server.port}/"


def test_a_server_for_all_the_network_goes_by_any_name(tmp_path: Path) -> None:
    server = start(tmp_path, "--host", "0.0.0.0")
    assert ask(server, "GET", "/", Host="colour.example:8064").status == 200
    assert stop(server) == (0, "", "")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_quietly_with_photos_in_work(
    tmp_path: Path, photo: np.ndarray, how: signal.Signals
) -> None:
    server, clients = start(tmp_path), []
    for _ in range(1 + WAITING):
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
    ended = run("demo", *words)
    assert ended.returncode == 2
    assert ended.stdout == ""
    (line,) = ended.stderr.splitlines()
    assert line.startswith("colorgan demo: error: ")
    assert reason.format(taken=server.port) in line
