"""Who may use the page: only those who opened it under one of its own names.

Browsers show the pages of many sites at once. Any of them may send requests here, and the owner of
a domain name can point it to this machine, to read what is here (DNS rebinding). So requests are
only taken under the page's own names, and photos only from the page itself. X-Forwarded-Host and
the like are ignored, since anyone who sends a request can write them.
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
    """The address at which browsers find the page, if a proxy passes their requests on."""

    scheme: str
    host: str
    """In lower case, as browsers write it in a Host header, without a port."""
    port: int
    path: str
    """The path in the URL, which begins and ends with a slash."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a URL such as "https://photos.example/colour/"; ValueError if it is not one."""
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
        """The prefix of the application's paths, such as "/colour", or nothing."""
        return unquote(self.path).rstrip("/")


@dataclass(frozen=True)
class Senders:
    """The names under which the page may be requested, and the origins that may send it photos."""

    only_from_here: bool
    """Whether it only listens to this machine."""
    public: PublicUrl | None

    def check(self, request: Request) -> None:
        """HTTPException for a request that another site could have made a browser send."""
        host = request.headers.get("Host", "").lower()
        if not self._know(host):
            raise HTTPException(
                HTTPStatus.MISDIRECTED_REQUEST,
                "The page is not available under this name; open it at the address that was "
                "printed, or start it with --public-url and the address that browsers see.",
            )
        if request.method == "GET":
            return
        origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site")
        is_own = origin is None or origin.lower() in self._origins(host)
        if not is_own or site not in (None, "same-origin", "none"):
            raise HTTPException(
                HTTPStatus.FORBIDDEN,
                "Only the page itself may send photos; behind a proxy, start it with "
                "--public-url and the address that browsers see.",
            )

    def _know(self, host: str) -> bool:
        """Whether a Host header cannot mean another site.

        Ports do not count: a tunnel has its own, and attackers redirect names, not ports.
        """
        if self.public is None and not self.only_from_here:
            return True
        return _is_loopback(host) or (self.public is not None and _name(host) == self.public.host)

    def _origins(self, host: str) -> set[str]:
        """The origins that the page may have in a request with this Host header.

        A proxy may have replaced the public address by its own for this machine.
        """
        shown = {f"http://{host}", f"https://{host}"}
        if self.public is None:
            return shown
        return {self.public.origin} | (shown if _is_loopback(host) else set())


def _name(host: str) -> str:
    """The part of a Host header before the port; nothing if it makes no sense."""
    match = re.fullmatch(r"(\[[0-9a-f:.]+\]|[0-9a-z._-]+)(:[0-9]*)?", host)
    return match[1] if match else ""


def _is_loopback(host: str) -> bool:
    """Whether a Host header means this machine itself, whatever a name server says."""
    name = _name(host)
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False
