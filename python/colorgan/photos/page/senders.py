"""Who may use the page: whoever has opened it under a name of its own, and nobody else.

Browsers show the pages of many sites at once. Any of these may send requests here, and the owner
of a name may have it point to this machine, so as to read what is here (DNS rebinding). So requests
are taken under the page's own names alone, and photos from the page itself alone. What
X-Forwarded-Host and its like say is not looked at: whoever sends a request can write them.
"""

import ipaddress
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Self
from urllib.parse import quote, unquote, urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class PublicUrl:
    """Where browsers find the page if something in between hands their requests on."""

    scheme: str
    host: str
    """In lower case, as browsers write it in a Host header, without a port."""
    port: int
    path: str
    """As in a URL; it begins and ends with a slash."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a URL such as "https://photos.example/colour/"; ValueError where it is none."""
        parts = urlsplit(text)
        host, path = parts.hostname or "", quote(parts.path, "/%:@!$&'()*+,;=~")
        host = f"[{host}]" if ":" in host else host.encode("idna").decode()
        more = parts.username is not None or parts.query or parts.fragment
        if parts.scheme not in _PORTS or not _name(host) or more or "//" in path:
            raise ValueError("not the URL of a page")
        port = parts.port or _PORTS[parts.scheme]
        return cls(parts.scheme, host, port, path.rstrip("/") + "/")

    def __str__(self) -> str:
        return self.origin + self.path

    @property
    def origin(self) -> str:
        """As browsers write it in an Origin header."""
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{self.host}{port}"

    @property
    def folder(self) -> str:
        """What stands before the paths of the application: "/colour", or nothing."""
        return unquote(self.path).rstrip("/")


@dataclass(frozen=True)
class Senders:
    """The names under which the page is asked for, and the origins that may send it photos."""

    only_from_here: bool
    """It listens to this machine alone."""
    public: PublicUrl | None

    def check(self, request: Request) -> None:
        """HTTPException for a request that another site could have made a browser send."""
        host = request.headers.get("Host", "").lower()
        if not self._know(host):
            raise HTTPException(
                HTTPStatus.MISDIRECTED_REQUEST,
                "The page does not go by this name: open it at the address that was printed, "
                "or start it with --public-url and the address that browsers see.",
            )
        if request.method == "GET":
            return
        origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site")
        is_own = origin is None or origin.lower() in self._origins(host)
        if not is_own or site not in (None, "same-origin", "none"):
            raise HTTPException(
                HTTPStatus.FORBIDDEN,
                "Photos are taken from the page itself alone; behind a proxy, start it with "
                "--public-url and the address that browsers see.",
            )

    def _know(self, host: str) -> bool:
        """Whether no other site can be meant by a Host header.

        Ports tell nothing, a tunnel has one of its own: names can be made to lead here, not ports.
        """
        if self.public is None and not self.only_from_here:
            return True
        return _is_loopback(host) or (self.public is not None and _name(host) == self.public.host)

    def _origins(self, host: str) -> set[str]:
        """The origins of the page as it is asked for by a Host header.

        A proxy may have put its own address for this machine in the place of the public one.
        """
        shown = {f"http://{host}", f"https://{host}"}
        if self.public is None:
            return shown
        return {self.public.origin} | (shown if _is_loopback(host) else set())


def _name(host: str) -> str:
    """What a Host header says before the port; nothing if it makes no sense."""
    match = re.fullmatch(r"(\[[0-9a-f:.]+\]|[0-9a-z._-]+)(:[0-9]*)?", host)
    return match[1] if match else ""


def _is_loopback(host: str) -> bool:
    """Whether a Host header names this machine to itself, whatever a name server says."""
    name = _name(host)
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False
