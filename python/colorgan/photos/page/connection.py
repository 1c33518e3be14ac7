"""One client's connection: uvicorn's own, and the limits and courtesies that it lacks.

uvicorn waits as long as a client likes for the head of a request and for an answer to be taken. It
drops clients that close their sending side once they have asked. And it closes the connection
while a refused client still sends, which makes that client miss the answer.
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
DISCARD_SECONDS = 5  # for which what a refused client still sends is taken, and forgotten
# An answer is sent in parts, each of which must be taken in time: by a slow line, too, of 1 kB a
# second, but not by one that drips.
PART, PART_SECONDS = 1 << 16, 60

_LINE = json.dumps({"error": "This is no request that can be understood."})
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
        """What uvicorn calls for each client."""
        super().__init__(config, server_state, app_state, _loop)
        self.app = self._serve
        self._timer: asyncio.TimerHandle | None = None
        self._is_deaf = False

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Begin to wait for a request."""
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

    def eof_received(self) -> bool:
        """Take it that the client sends no more. Returns whether it may wait for an answer yet."""
        if self.cycle is None:
            return False
        self._end_body()
        return True

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP, in place of uvicorn's own plain text."""
        self._is_deaf = True
        if self.cycle is not None:  # it is the body, so the request is being answered
            self._end_body()
            return
        self.transport.write(_NOT_UNDERSTOOD)
        self.transport.write_eof()
        self._cut_off_in(DISCARD_SECONDS)

    def cut_off(self) -> None:
        """End the connection, whatever is still to be sent."""
        self.transport.abort()

    def _cut_off_in(self, seconds: float | None) -> None:
        """Set the one timer anew, or stop it."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if seconds is None else self.loop.call_later(seconds, self.cut_off)

    def _end_body(self) -> None:
        """Tell the application, by way of uvicorn, that the body ends here, be it whole or not."""
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
            # In parts: uvicorn waits for a client that is slow before it takes the next one.
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
