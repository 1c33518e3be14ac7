"""A reverse proxy for tests, such as people put in front of the page: of TLS, below a path."""

import asyncio
import re
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Proxy:
    """What it does to requests on their way to a server on this machine."""

    upstream: int
    """The server's port."""
    cut: str = ""
    """Taken off the beginning of paths; others than those below it are refused."""
    host: str | None = None
    """Put in the place of the Host header."""
    added: str = ""
    """Header lines that are added."""

    def rewritten(self, head: bytes) -> bytes | None:
        """The head of a request as it is passed on; None for one to refuse."""
        text = head.decode("latin-1")
        method, path, rest = text.split(" ", 2)
        if not path.startswith(self.cut):
            return None
        if self.host is not None:
            rest = re.sub(r"(?im)^Host: .*(?=\r$)", f"Host: {self.host}", rest)
        rest = rest.replace("\r\n", f"\r\n{self.added}", 1)
        return f"{method} {path.removeprefix(self.cut)} {rest}".encode("latin-1")

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass a request on, and its answer back."""
        opened = [writer]
        try:
            head = self.rewritten(await reader.readuntil(b"\r\n\r\n"))
            if head is None:
                writer.write(b"HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\nNot below this.")
            else:
                from_server, to_server = await asyncio.open_connection("127.0.0.1", self.upstream)
                opened.append(to_server)
                to_server.write(head)
                sending = asyncio.create_task(pass_on(reader, to_server))
                await pass_on(from_server, writer)
                sending.cancel()
            writer.close()
            await writer.wait_closed()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            for writer in opened:
                writer.transport.abort()


async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Hand on what comes, as it comes."""
    with suppress(ConnectionError):
        while part := await reader.read(1 << 16):
            writer.write(part)
            await writer.drain()


@contextmanager
def proxying(proxy: Proxy, certificate: Path | None = None, port: int = 0) -> Iterator[int]:
    """Run a proxy while the block lasts; yields its port. With a certificate it speaks TLS."""
    context = None
    if certificate is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate)
    loop = asyncio.new_event_loop()
    starting = asyncio.start_server(proxy.serve, "127.0.0.1", port, ssl=context)
    server = loop.run_until_complete(starting)
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        asyncio.run_coroutine_threadsafe(ended(server), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def ended(server: asyncio.Server) -> None:
    """Listen no more, and cut off all clients: those, too, that have not asked for anything yet."""
    server.close()
    loop = asyncio.get_running_loop()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    for transport in list(loop._transports.values()):
        transport.abort()
    await asyncio.sleep(0.01)  # for what was cut off to be closed


def make_certificate(folder: Path, name: str) -> Path:
    """A certificate that a server of that name has made for itself, with its key."""
    path = folder / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
         f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}", "-keyout", path, "-out",
         folder / "alone.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    with path.open("ab") as file:
        file.write((folder / "alone.pem").read_bytes())
    return path
