"""The page where browsers do not find it at its own address: behind tunnels and proxies."""

import http.client
import shutil
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from browser import Browser, Chromium, browsing
from colorgan.photos.page.senders import PublicUrl
from conftest import Run
from reverse_proxy import Proxy, make_certificate, proxying
from served_page import (
    SECONDS,
    Answer,
    Server,
    ask,
    encoded,
    gray_of,
    post,
    serving_page,
    start,
    stop,
)

PUBLIC = "https://photos.example/colour/"
ORIGIN = "https://photos.example"


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A page of this machine alone, that knows of no proxy."""
    with serving_page(tmp_path_factory.mktemp("local")) as running:
        yield running


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A page that knows its public address."""
    with serving_page(tmp_path_factory.mktemp("public"), "--public-url", PUBLIC) as running:
        yield running


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("openssl") is None:
        pytest.skip("no openssl, which makes a certificate")
    return make_certificate(tmp_path_factory.mktemp("certificate"), "photos.example")


# ----------------------------------------------------------------------------- tunnels


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:9999", 415),  # ssh -L 9999:localhost:8064
        ("LOCALHOST", 415),
        ("127.0.0.1:1", 415),
        ("127.8.9.10:80", 415),
        ("[::1]:9999", 415),
        ("evil.example:9999", 421),
        ("evil.example", 421),
        ("localhost.evil.example:9999", 421),
        ("127.0.0.1.evil.example", 421),
        ("127.0.0.1@evil.example", 421),
        ("192.168.1.2:9999", 421),
        ("0.0.0.0:9999", 421),
        ("[::2]:9999", 421),
        ("localhost:9999:9999", 421),
        ("", 421),
    ],
)
def test_a_tunnel_may_end_at_any_port_of_this_machine_and_nowhere_else(
    local: Server, host: str, status: int
) -> None:
    assert post(local, b"no picture", Host=host).status == status
    assert ask(local, "GET", "/", Host=host).status == (200 if status == 415 else status)


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://localhost:9999", 415),
        ("https://localhost:9999", 415),  # a proxy of TLS on this machine
        ("http://localhost:9998", 403),
        ("http://127.0.0.1:9999", 403),
        ("http://evil.example:9999", 403),
        ("null", 403),
    ],
)
def test_photos_come_from_the_tunnels_own_page_alone(
    local: Server, origin: str, status: int
) -> None:
    assert post(local, b"no picture", Host="localhost:9999", Origin=origin).status == status


def test_what_proxies_say_of_themselves_opens_nothing(local: Server, public: Server) -> None:
    claimed = {
        "X_Forwarded_Host": "localhost", "X_Forwarded_Proto": "https", "X_Forwarded_For": "::1",
        "Forwarded": "host=localhost;proto=https",
    }  # fmt: skip
    for server in (local, public):
        assert post(server, b"no picture", Host="evil.example", **claimed).status == 421
        evil = {"Host": "localhost", "Origin": "https://evil.example"}
        assert post(server, b"no picture", **evil, **claimed).status == 403


# ----------------------------------------------------------------------------- proxies


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("photos.example", ORIGIN, 415),
        ("photos.example:443", ORIGIN, 415),
        ("127.0.0.1:8064", ORIGIN, 415),  # nginx, which puts its own name for the page
        ("localhost:8064", "http://localhost:8064", 415),  # past the proxy
        ("photos.example", "http://photos.example", 403),
        ("photos.example", "https://photos.example:8443", 403),
        ("photos.example", "https://evil.example", 403),
        ("evil.example", "https://evil.example", 421),
        ("photos.example.evil.example", ORIGIN, 421),
    ],
)
def test_host_and_origin_are_those_of_the_public_address(
    public: Server, host: str, origin: str, status: int
) -> None:
    assert post(public, b"no picture", Host=host, Origin=origin).status == status


def test_a_page_for_all_the_network_goes_by_its_public_name_alone(tmp_path: Path) -> None:
    server = start(tmp_path, "--host", "0.0.0.0", "--public-url", PUBLIC)
    assert ask(server, "GET", "/", Host="photos.example").status == 200
    assert ask(server, "GET", "/", Host="evil.example").status == 421
    assert stop(server) == (0, "", "")


def through_tls(
    port: int,
    certificate: Path,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
) -> Answer:
    """What photos.example answers, which is a proxy on this machine."""
    context = ssl.create_default_context(cafile=certificate)
    connection = http.client.HTTPSConnection("photos.example", timeout=SECONDS, context=context)
    plain = socket.create_connection(("127.0.0.1", port), SECONDS)
    connection.sock = context.wrap_socket(plain, server_hostname="photos.example")
    connection.request(method, path, body, headers or {})
    with connection.getresponse() as response:
        answer = Answer(response.status, response.headers, response.read())
    connection.close()
    return answer


@pytest.mark.parametrize("cut", ["", "/colour"], ids=["path kept", "path cut off"])
@pytest.mark.parametrize("host", [None, "127.0.0.1:{port}"], ids=["host kept", "host replaced"])
def test_a_photo_is_colored_through_tls_and_below_a_path(
    public: Server, certificate: Path, photo: np.ndarray, cut: str, host: str | None
) -> None:
    named = host and host.format(port=public.port)
    proxy = Proxy(public.port, cut, named, "X-Forwarded-Proto: https\r\nX-Forwarded-For: ::1\r\n")
    with proxying(proxy, certificate) as port:
        page = through_tls(port, certificate, "GET", "/colour/")
        assert (page.status, b"old photos" in page.content) == (200, True)
        headers = {"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"}
        answer = through_tls(port, certificate, "POST", "/colour/colorize", encoded(photo), headers)
        assert np.array_equal(gray_of(answer.picture), photo)
        assert through_tls(port, certificate, "GET", "/other").status == 404


def test_the_page_is_found_without_its_last_slash(public: Server) -> None:
    answer = ask(public, "GET", "/colour", Host="photos.example")
    assert (answer.status, answer.headers["Location"]) == (307, "/colour/")
    assert ask(public, "GET", "/colours", Host="photos.example").status == 404
    assert ask(public, "POST", "/colour", b"x", Host="photos.example", Origin=ORIGIN).status == 404


@pytest.fixture
def browser(chromium: Chromium) -> Iterator[Browser]:
    with browsing(chromium) as running:
        yield running


def test_the_page_works_in_a_browser_behind_a_proxy(
    browser: Browser, certificate: Path, tmp_path: Path, photo: np.ndarray
) -> None:
    path = tmp_path / "old.png"
    path.write_bytes(encoded(photo))
    with socket.create_server(("127.0.0.1", 0)) as free:  # for the proxy: its address is an option
        port = free.getsockname()[1]
    address = f"https://photos.example:{port}/colour/"
    server = start(tmp_path, "--public-url", address)
    with proxying(Proxy(server.port, "/colour"), certificate, port):
        browser.open(address)
        browser.choose(path)
        browser.wait_until("document.querySelector('main').dataset.state === 'done'")
    assert stop(server) == (0, "", "")


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_the_page_works_in_a_browser_behind_a_tunnel(
    browser: Browser, local: Server, tmp_path: Path, photo: np.ndarray, name: str
) -> None:
    path = tmp_path / "old.png"
    path.write_bytes(encoded(photo))
    with proxying(Proxy(local.port)) as port:
        browser.open(f"http://{name}:{port}/")
        browser.choose(path)
        browser.wait_until("document.querySelector('main').dataset.state === 'done'")


# ----------------------------------------------------------------------------- the option


@pytest.mark.parametrize(
    ("text", "url", "origin", "folder"),
    [
        (PUBLIC, PUBLIC, ORIGIN, "/colour"),
        ("https://Photos.Example:443/colour", PUBLIC, ORIGIN, "/colour"),
        ("http://photos.example:8080", "http://photos.example:8080/", None, ""),
        ("https://[::1]:9999/", "https://[::1]:9999/", None, ""),
        ("https://bücher.example/a b/ü", "https://xn--bcher-kva.example/a%20b/%C3%BC/",
         "https://xn--bcher-kva.example", "/a b/ü"),
    ],
)  # fmt: skip
def test_a_public_address_is_taken_as_browsers_write_it(
    text: str, url: str, origin: str | None, folder: str
) -> None:
    public = PublicUrl.parse(text)
    assert (str(public), public.folder) == (url, folder)
    assert public.origin == (origin or url.rstrip("/"))


@pytest.mark.parametrize(
    "text",
    ["photos.example", "ftp://photos.example:21/", "https://", "https:///colour/",
     "https://me@photos.example/", "https://photos.example/?a", "https://photos.example/#a",
     "https://photos.example//colour/", "https://photos.example:99999/", "https://a b/"],
)  # fmt: skip
def test_what_is_no_public_address_is_refused_in_one_line(run: Run, text: str) -> None:
    ended = run("demo", "--public-url", text)
    assert (ended.returncode, ended.stdout) == (2, "")
    line = ended.stderr.splitlines()[-1]
    refusal = f"argument --public-url: {text!r} is not the address"
    assert line.startswith(f"colorgan demo: error: {refusal}")
    assert "https://photos.example/colour/" in line
