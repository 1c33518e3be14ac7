"""The local page's limits of time, cut short, and what it does about its own mistakes."""

import http.client
import json
import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import pytest

from colorgan.photos.page import app, connection
from colorgan.photos.page import server as server_module
from colorgan.photos.page.server import PageServer
from colorgan.photos.page.workshop import WAITING, ColoredPhoto, Workshop
from served_page import SECONDS, until

MOST_BYTES = 10_000_000
HOST = "Host: 127.0.0.1:{port}\r\n"
UPLOAD = "POST /colorize HTTP/1.1\r\n" + HOST + "Content-Length: {length}\r\n\r\n"

LARGE = ColoredPhoto(bytes(30_000_000), ".png", None, 1, False, 1, None, 0.5)
"""More than the buffers on the way to a client hold."""


@pytest.fixture
def workshop() -> Iterator[Workshop]:
    with Workshop(None, None, 10_000_000) as running:
        yield running


@contextmanager
def serving(workshop: Workshop) -> Iterator[PageServer]:
    """Serve the page in this process while the block lasts, and end then in good time."""
    with PageServer("127.0.0.1", 0, workshop, MOST_BYTES) as server:
        thread = threading.Thread(target=server.serve)
        thread.start()
        try:
            yield server
        finally:
            server.stop()
            thread.join(SECONDS)
            assert not thread.is_alive()


@contextmanager
def client(port: int, sent: str = "") -> Iterator[socket.socket]:
    """A client that has sent something, in which {port} stands for the port."""
    with socket.socket() as connected:
        connected.settimeout(SECONDS)
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        connected.connect(("127.0.0.1", port))
        connected.sendall(sent.replace("{port}", str(port)).encode())
        yield connected


def answer_to(connected: socket.socket) -> tuple[int, bytes]:
    """Status and content of an answer, of which HTTP says how long it is."""
    response = http.client.HTTPResponse(connected)
    response.begin()
    return response.status, response.read()


def free_places(workshop: Workshop) -> int:
    """How many photos would be taken now, without taking a place from one that comes just then."""
    return workshop._places._value


def test_a_file_that_stops_arriving_is_refused(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "SILENCE_SECONDS", 0.2)
    with serving(workshop) as server:
        asking = http.client.HTTPConnection("127.0.0.1", server.port, timeout=SECONDS)
        asking.putrequest("POST", "/colorize")
        asking.putheader("Content-Length", "1000")
        asking.endheaders(b"a part")
        with asking.getresponse() as response:
            assert response.status == 408
        asking.close()


def test_a_file_that_arrives_slowly_is_taken_however_long_it_takes(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "GRACE_SECONDS", 0.2)
    monkeypatch.setattr(app, "SLOWEST", 10)
    upload = UPLOAD.replace("{length}", "1000")
    with serving(workshop) as server, client(server.port, upload) as connected:
        for _ in range(10):  # 1 s in all
            connected.sendall(bytes(100))
            time.sleep(0.1)
        assert answer_to(connected)[0] == 415


def test_a_file_that_drips_is_refused(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "GRACE_SECONDS", 0.5)
    upload = UPLOAD.replace("{length}", "1000")
    with serving(workshop) as server, client(server.port, upload) as connected:
        connected.settimeout(0.1)
        began = time.monotonic()
        while True:
            connected.sendall(b"x")
            try:
                answer = connected.recv(4096)
            except TimeoutError:
                assert time.monotonic() - began < app.SILENCE_SECONDS
                continue
            break
        assert b" 408 " in answer


@pytest.mark.parametrize("sent", ["", "GET / HTTP/1.1\r\nAccept"])
def test_a_client_that_asks_nothing_in_time_is_let_go(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, sent: str
) -> None:
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.3)
    with serving(workshop) as server, client(server.port, sent) as connected:
        assert connected.recv(1) == b""


def test_the_time_for_a_request_is_not_the_photos(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.3)
    upload = UPLOAD.replace("{length}", "1000")
    with serving(workshop) as server, client(server.port, upload) as connected:
        time.sleep(0.6)
        connected.sendall(bytes(1000))
        assert answer_to(connected)[0] == 415


@pytest.fixture
def asking(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A client that has asked for a large answer, of which each part must be taken in a second."""
    monkeypatch.setattr(workshop, "_colorize", lambda file, whole: LARGE)
    monkeypatch.setattr(connection, "PART_SECONDS", 1)
    with (
        serving(workshop) as server,
        client(server.port, UPLOAD.replace("{length}", "0")) as connected,
    ):
        yield connected


def test_who_stops_taking_an_answer_is_cut_off_and_gives_its_place_back(
    workshop: Workshop, asking: socket.socket
) -> None:
    assert b" 200 " in asking.recv(20)
    assert free_places(workshop) == WAITING
    until(lambda: free_places(workshop) == 1 + WAITING)
    taken = 0
    with suppress(ConnectionResetError):
        while part := asking.recv(1 << 20):
            taken += len(part)
    assert taken < len(LARGE.content)


def test_an_answer_may_be_taken_slowly_however_long_it_takes(asking: socket.socket) -> None:
    response = http.client.HTTPResponse(asking)
    response.begin()
    taken = 0
    while part := response.read(3_000_000):
        taken += len(part)
        time.sleep(0.3)  # 3 s in all
    assert taken == len(LARGE.content)


def test_a_refused_client_that_neither_sends_nor_goes_is_let_go(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "DISCARD_SECONDS", 0.3)
    upload = UPLOAD.replace("{length}", str(MOST_BYTES + 1))
    with serving(workshop) as server, client(server.port, upload) as connected:
        assert answer_to(connected)[0] == 413
        assert connected.recv(1) == b""


def test_a_bug_is_one_line_on_the_page_and_a_traceback_in_the_terminal(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def stumble(file: bytes, whole: bool) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(workshop, "_colorize", stumble)
    with (
        serving(workshop) as server,
        client(server.port, UPLOAD.replace("{length}", "0")) as connected,
    ):
        status, content = answer_to(connected)
    assert status == 500
    assert "see the terminal in which this program runs" in json.loads(content)["error"]
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert "ZeroDivisionError: a bug" in caplog.text


def test_at_the_end_the_photo_in_work_is_answered_and_those_that_wait_are_refused(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def work(file: bytes, whole: bool) -> ColoredPhoto:
        begun.set()
        assert go_on.wait(SECONDS)
        return ColoredPhoto(b"a picture", ".png", None, 1, False, 1, None, 0.5)

    monkeypatch.setattr(workshop, "_colorize", work)
    upload = UPLOAD.replace("{length}", "0")
    with serving(workshop) as server, client(server.port, upload) as in_work:
        assert begun.wait(SECONDS)
        with client(server.port, upload) as waiting:
            until(lambda: free_places(workshop) == WAITING - 1)
            time.sleep(0.2)  # from its place to the queue
            server.stop()
            status, content = answer_to(waiting)
            assert (status, b"is being stopped" in content) == (503, True)
        go_on.set()
        assert answer_to(in_work) == (200, b"a picture")


def test_clients_that_hang_do_not_hold_up_the_end(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "ENDING_SECONDS", 0.3)
    upload = UPLOAD.replace("{length}", "1000")
    with ExitStack() as clients:
        with serving(workshop) as server:
            for sent in ("", "GET / HT", upload):
                clients.enter_context(client(server.port, sent))
            until(lambda: free_places(workshop) == WAITING)
            began = time.monotonic()
        assert time.monotonic() - began < app.SILENCE_SECONDS / 2
