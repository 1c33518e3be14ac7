"""Listens at the page's address, and serves it with uvicorn until the program ends."""

import asyncio
import ipaddress
import socket
from typing import Self

import uvicorn
from starlette.types import ASGIApp

from colorgan.errors import UserError
from colorgan.photos.page.app import make_app
from colorgan.photos.page.connection import Connection
from colorgan.photos.page.senders import PublicUrl, Senders
from colorgan.photos.page.workshop import Workshop

ENDING_SECONDS = 5  # for which clients may delay the program's end
LONGEST_HEAD = 1 << 16  # bytes; browsers send the cookies of everything that runs on this machine


class PageServer:
    """Serves the page. It listens from the start; leaving the context closes its socket."""

    def __init__(
        self,
        host: str,
        port: int,
        workshop: Workshop,
        max_bytes: int,
        public: PublicUrl | None = None,
    ) -> None:
        """Listen on `host` and `port`, 0 for any free one; UserError if that fails.

        Photos are coloured in `workshop`, and files of more than `max_bytes` are refused. `public`
        is the address at which browsers find the page, if that is not `url`.
        """
        self._socket = _listen(host, port)
        self.host, self.port = self._socket.getsockname()[:2]
        only_from_here = ipaddress.ip_address(self.host).is_loopback
        app = make_app(workshop, max_bytes, Senders(only_from_here, public))
        self._server = _Uvicorn(_configuration(app), workshop)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    @property
    def url(self) -> str:
        """The page's address, for browsers that reach this machine."""
        return f"http://{_in_url(self.host)}:{self.port}/"

    def serve(self) -> None:
        """Serve until `stop`, or in the main thread until SIGINT or SIGTERM.

        Such a signal is raised again at the end, for the caller to handle.
        """
        self._server.run(sockets=[self._socket])

    def stop(self) -> None:
        """Make `serve`, which runs in another thread, return soon."""
        self._server.should_exit = True


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, *_, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, socket.SOCK_STREAM)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            listening.listen()
        except OSError:
            listening.close()
            raise
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "no such host"
        raise UserError(
            f"cannot listen on {host}, port {port}: {reason}; choose another --host or --port"
        ) from None
    return listening


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _configuration(app: ASGIApp) -> uvicorn.Config:
    """The settings of uvicorn: a single process that logs nothing but tracebacks.

    What people colour is their own business, and so are the mistakes of clients.
    """
    return uvicorn.Config(
        app,
        loop="asyncio",
        http=Connection,
        ws="none",
        lifespan="off",
        workers=1,
        log_config=None,
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        headers=[("Server", "colorgan"), ("Connection", "close")],
        h11_max_incomplete_event_size=LONGEST_HEAD,
    )


class _Uvicorn(uvicorn.Server):
    """uvicorn; when it stops, it also drops the photos that wait, and clients that hang."""

    def __init__(self, config: uvicorn.Config, workshop: Workshop) -> None:
        super().__init__(config)
        self._workshop = workshop

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._workshop.dismiss()
        asyncio.get_running_loop().call_later(ENDING_SECONDS, self._cut_off_all)
        await super().shutdown(sockets)

    def _cut_off_all(self) -> None:
        for connection in list(self.server_state.connections):
            if isinstance(connection, Connection):  # as all are
                connection.cut_off()
