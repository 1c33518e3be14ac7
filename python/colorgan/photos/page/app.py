"""The web application: which requests it takes, and how it answers.

`GET /` is the page. `POST /colorize` takes a picture file as its body and answers with one in the
same format, or with a PNG if that format is only read.

Photos that are painted on are kept for a while. `POST /photos` takes one and answers with its name,
`{"photo": NAME}`. `POST /photos/NAME` takes a picture of strokes, or nothing, and answers like
`/colorize`. `POST /photos/NAME/reference` takes a photo as the example for its colours, or nothing
to remove that; `POST /photos/NAME/forget` drops the photo.

All of these also work below the path of the public address, which some proxies cut off and others
do not. Everything else is refused with `{"error": one line}`. Nothing touches the disk and nothing
is logged. Other web sites that the user's browser has open cannot use it.
"""

import asyncio
import re
import secrets
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from colorgan.errors import UserError
from colorgan.photos.page.document import content_security_policy, page_document
from colorgan.photos.page.senders import Senders
from colorgan.photos.page.workshop import BusyError, ColoredPhoto, GoneError, Workshop

SILENCE_SECONDS = 20  # without a byte, after which an upload is given up
# Without a limit, an upload that only drips could hold a place forever. The slowest lines that
# people have, old mobile ones, carry a few thousand bytes a second; this limit is well below that,
# and ends a drip after a minute.
GRACE_SECONDS, SLOWEST = 60, 1000  # seconds on top of the time at this many bytes a second

MEDIA_TYPES = {
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".tif": "image/tiff",
    ".webp": "image/webp",
}
"""The media types of answers, by suffix."""

WHOLE = {"": False, "whole=1": True}
"""The queries that are allowed, and whether they ask for the whole photo."""

_GUARDS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""Headers of every answer."""


def make_app(workshop: Workshop, max_bytes: int, senders: Senders) -> Starlette:
    """The application. It colours in `workshop`, and refuses files of more than `max_bytes` and
    requests that do not come from `senders`.
    """
    page = Route("/", _page(max_bytes), methods=["GET"])
    page.methods = {"GET"}  # without HEAD, which Starlette adds and nobody needs
    addresses = {
        "/colorize": _colorize,
        "/photos": _keep,
        "/photos/{name}": _paint,
        "/photos/{name}/reference": _refer,
        "/photos/{name}/forget": _forget,
    }
    works = [
        Route(path, _Work(workshop, max_bytes, work), methods=["POST"])
        for path, work in addresses.items()
    ]
    refusals: dict[Any, Callable[[Request, Any], Awaitable[Response]]] = {
        HTTPException: _refuse,
        UserError: _refuse_picture,
        BusyError: _refuse_for_now,
        GoneError: _refuse_for_good,
        Exception: _excuse,
    }
    app = Starlette(
        routes=[page, *works],
        middleware=[Middleware(_SenderCheck, senders=senders)],
        exception_handlers=refusals,
    )
    app.router.redirect_slashes = False
    return app


# ----------------------------------------------------------------------------- the addresses


def _page(max_bytes: int) -> Response:
    page = page_document(max_bytes)
    headers = {**_GUARDS, "Content-Security-Policy": content_security_policy(page)}
    return Response(page, headers=headers, media_type="text/html")


async def _colorize(workshop: Workshop, request: Request, file: bytes, whole: bool) -> Response:
    return _answer_with(await workshop.colorize(file, whole), request)


async def _keep(workshop: Workshop, request: Request, file: bytes, whole: bool) -> Response:
    name = await workshop.keep(file)
    return JSONResponse({"photo": name}, HTTPStatus.CREATED, _GUARDS)


async def _paint(workshop: Workshop, request: Request, file: bytes, whole: bool) -> Response:
    photo = await workshop.paint(request.path_params["name"], file, whole)
    return _answer_with(photo, request)


async def _refer(workshop: Workshop, request: Request, file: bytes, whole: bool) -> Response:
    await workshop.refer(request.path_params["name"], file)
    return Response(status_code=HTTPStatus.NO_CONTENT, headers=_GUARDS)


async def _forget(workshop: Workshop, request: Request, file: bytes, whole: bool) -> Response:
    workshop.forget(request.path_params["name"])
    return Response(status_code=HTTPStatus.NO_CONTENT, headers=_GUARDS)


class _Work:
    """Takes a file and answers with the result. It also sends the answer, so that it holds its
    place until that is done.
    """

    def __init__(
        self,
        workshop: Workshop,
        max_bytes: int,
        work: Callable[[Workshop, Request, bytes, bool], Awaitable[Response]],
    ) -> None:
        self._workshop, self._max_bytes, self._work = workshop, max_bytes, work

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        query = scope["query_string"].decode("latin-1")
        if query not in WHOLE:
            raise HTTPException(
                HTTPStatus.BAD_REQUEST, "After the question mark, only whole=1 is allowed."
            )
        length = _content_length(request, self._max_bytes)
        with self._workshop.place():
            file = await _read_body(request, length)
            answer = await self._work(self._workshop, request, file, WHOLE[query])
            await answer(scope, receive, send)


def _content_length(request: Request, most: int) -> int:
    text = request.headers.get("Content-Length")
    if text is None or "Transfer-Encoding" in request.headers:
        raise HTTPException(HTTPStatus.LENGTH_REQUIRED, "Content-Length must give the file's size.")
    if not re.fullmatch(r"[0-9]{1,20}", text):
        raise HTTPException(HTTPStatus.BAD_REQUEST, "The file's size is not a number.")
    if int(text) > most:
        raise HTTPException(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"This file is larger than {most / 1e6:g} MB, the limit set by --max-upload-mb.",
        )
    return int(text)


async def _read_body(request: Request, length: int) -> bytes:
    """Read the file, however long that takes, unless it stops arriving or only drips."""
    body, now = bytearray(), asyncio.get_running_loop().time
    latest = now() + GRACE_SECONDS
    try:
        async with asyncio.timeout(SILENCE_SECONDS) as limit:
            async for part in request.stream():
                body += part
                limit.reschedule(min(now() + SILENCE_SECONDS, latest + len(body) / SLOWEST))
    except TimeoutError:
        raise HTTPException(
            HTTPStatus.REQUEST_TIMEOUT,
            "The file stopped arriving, or arrived too slowly; try again on a better connection.",
        ) from None
    except ClientDisconnect:
        pass
    if len(body) != length:
        raise HTTPException(HTTPStatus.BAD_REQUEST, "The file did not arrive completely.")
    return bytes(body)


def _answer_with(photo: ColoredPhoto, request: Request) -> Response:
    """The coloured photo; in a multipart answer as "picture", with "preview" if there is one."""
    in_parts = "multipart/form-data" in request.headers.get("Accept", "")
    found = {
        "X-Faces": str(photo.faces),
        "X-Was-Color": str(int(photo.was_color)),
        "X-Frames": str(photo.frames),
        "X-Bits": str(photo.bits or ""),
        "X-Middle": f"{photo.middle:.3f}",
    }
    headers = {**_GUARDS, **found}
    if not in_parts:
        return Response(photo.content, headers=headers, media_type=MEDIA_TYPES[photo.suffix])
    parts = {"picture": (photo.suffix, photo.content)}
    if photo.preview is not None:
        parts["preview"] = (".jpg", photo.preview)
    boundary = secrets.token_hex(16)
    body = b"".join(_part(name, *part, boundary) for name, part in parts.items())
    media_type = f"multipart/form-data; boundary={boundary}"
    return Response(body + f"--{boundary}--\r\n".encode(), headers=headers, media_type=media_type)


def _part(name: str, suffix: str, content: bytes, boundary: str) -> bytes:
    """One part of a multipart answer."""
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{name}{suffix}"'
        f"\r\nContent-Type: {MEDIA_TYPES[suffix]}\r\n\r\n"
    )
    return head.encode() + content + b"\r\n"


# ----------------------------------------------------------------------------- refusing


class _SenderCheck:
    """Refuses requests that come from other web sites; cuts the public path off all others."""

    def __init__(self, app: ASGIApp, senders: Senders) -> None:
        self._app, self._senders = app, senders
        self._public = senders.public
        self._folder = senders.public.folder if senders.public else ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            self._senders.check(request)
        except HTTPException as error:
            await _refusal(error.status_code, error.detail)(scope, receive, send)
            return
        at_folder = self._folder and scope["path"] == self._folder
        if self._public and at_folder and request.method == "GET":
            page = RedirectResponse(self._public.path, headers=_GUARDS)
            await page(scope, receive, send)
            return
        await self._app({**scope, "root_path": self._folder}, receive, send)


def _refusal(status: int, line: str, **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return JSONResponse({"error": line}, status, {**_GUARDS, **named})


async def _refuse(request: Request, error: HTTPException) -> Response:
    """Refuse a request for a problem that this module, or Starlette with its routes, found."""
    allowed = (error.headers or {}).get("Allow")
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED and allowed:
        return _refusal(error.status_code, f"Only {allowed} is allowed here.", Allow=allowed)
    if error.status_code == HTTPStatus.NOT_FOUND:
        return _refusal(error.status_code, "There is no such page here.")
    return _refusal(error.status_code, error.detail)


async def _refuse_picture(request: Request, error: UserError) -> Response:
    return _refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, str(error))


async def _refuse_for_now(request: Request, error: BusyError) -> Response:
    return _refusal(HTTPStatus.SERVICE_UNAVAILABLE, str(error), Retry_After="5")


async def _refuse_for_good(request: Request, error: GoneError) -> Response:
    return _refusal(HTTPStatus.GONE, str(error))


async def _excuse(request: Request, error: Exception) -> Response:
    """Answer after a bug. The exception goes on to uvicorn, which prints its traceback."""
    line = "Something went wrong; see the terminal in which this program runs."
    return _refusal(HTTPStatus.INTERNAL_SERVER_ERROR, line)
