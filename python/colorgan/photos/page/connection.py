"""One client's connection: uvicorn's class, with limits and courtesies that it lacks.

uvicorn waits forever for the head of a request, and for a client to take its answer. It drops
clients that close their sending side after the request. And it closes the connection while a
refused client is still sending, so that the client misses the answer.
"""

import asyncio
import json
from contextlib import suppress
from typing import Any

from starlette.types import Message, Receive, Scope, Send
from uvicorn import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

HEAD_SECONDS = 10  # for the head of a request to arrive
DISCARD_SECONDS = 5  # for which data that a refused client still sends is read and dropped
# An answer is sent in parts, and the client must take each in time. A slow line of about 1 kB a
# second can do that, but not one that only drips.
PART, PART_SECONDS = 1 << 16, 60

_LINE = json.dumps({"error": "This request is not valid HTTP."})
_NOT_UNDERSTOOD = (
    "HTTP/1.1 400 Bad Request\r\nServer: colorgan\r\nConnection: close\r\n"
    f"Content-Type: application/json\r\nContent-Length: {len(_LINE)}\r\n\r\n{_LINE}"
).encode()


class Connection(H11Protocol):
    """A connection for one request; every answer must say `Connection: close`."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        """Called by uvicorn for each client."""
        super().__init__(config, server_state, app_state, _loop)
        self.app = self._serve
        self._timer: asyncio.TimerHandle | None = None
        self._is_deaf = False

    def connection_made(  # type: ignore[override] # as uvicorn's own has it
        self, transport: asyncio.Transport
    ) -> None:
        """Start waiting for a request."""
        super().connection_made(transport)
        self._cut_off_in(HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the client."""
        self._cut_off_in(None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what the client sends."""
        if not self._is_deaf:
            super().data_received(data)

    def eof_received(self) -> bool:  # type: ignore[override] # asyncio asks
        """The client sends no more; returns whether it may still wait for an answer."""
        if self.cycle is None:
            return False
        self._end_body()
        return True

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP, instead of uvicorn's own plain text."""
        self._is_deaf = True
        if self.cycle is not None:  # the body is at fault, and the request is being answered
            self._end_body()
            return
        self.transport.write(_NOT_UNDERSTOOD)
        self.transport.write_eof()
        self._cut_off_in(DISCARD_SECONDS)

    def cut_off(self) -> None:
        """End the connection, even if there is more to send."""
        self.transport.abort()

    def _cut_off_in(self, seconds: float | None) -> None:
        """Restart the one timer, or stop it."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if seconds is None else self.loop.call_later(seconds, self.cut_off)

    def _end_body(self) -> None:
        """Let uvicorn tell the application that the body ends here, complete or not."""
        self.cycle.more_body = False
        self.cycle.message_event.set()

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The application, within the limits of this connection."""
        self._cut_off_in(None)  # the head is here

        async def send_within_limits(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._cut_off_in(PART_SECONDS)
                await send(message)
                return
            # In parts, as uvicorn waits for a slow client before it takes the next part.
            body = message.get("body", b"")
            for at in range(0, len(body), PART):
                part = body[at : at + PART]
                await send({"type": message["type"], "body": part, "more_body": True})
                self._cut_off_in(PART_SECONDS)
            if not message.get("more_body", False):
                await self._discard_rest(receive)
                await send({"type": message["type"]})

        await self.config.loaded_app(scope, receive, send_within_limits)

    async def _discard_rest(self, receive: Receive) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(DISCARD_SECONDS):
                while self.cycle.more_body and not self.cycle.disconnected:
                    await receive()
