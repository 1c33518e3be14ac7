"""Builds the page that a browser gets from the files in `browser/`.

It is a single document, so it takes one request, and works below any path.
"""

import base64
import hashlib
import re
from pathlib import Path
from string import Template

from colorgan.photos.pictures.formats import READABLE_SUFFIXES

_FOLDER = Path(__file__).with_name("browser")
_PALETTE = Path(__file__).with_name("palette.json")  # of `colorgan measure-palette`
_SCRIPTS = (
    *("photos.js", "asking.js", "stage.js", "album.js", "zip.js", "choosing.js"),
    *("strokes.js", "palette.js", "brush.js"),
)

_FORMATS = "JPEG, PNG, TIFF, WebP, HEIC, AVIF, JPEG 2000, BMP or GIF"
"""The formats that the page names; rarer ones are read, too."""


def page_document(max_bytes: int) -> bytes:
    """The page, which refuses files of more than `max_bytes` before they are sent."""
    page = Template(_text("page.html")).substitute(
        style=_text("page.css"),
        script="\n".join([*map(_text, _SCRIPTS), _palette()]),
        accept=",".join(["image/*", *READABLE_SUFFIXES]),
        formats=_FORMATS,
        most=max_bytes,
    )
    return page.encode()


def content_security_policy(page: bytes) -> str:
    """Allow a page its own style, script and pictures, and requests to its own server only."""
    hashes = {
        tag: base64.b64encode(hashlib.sha256(text).digest()).decode()
        for tag, text in re.findall(rb"<(style|script)>(.*?)</\1>", page, re.DOTALL)
    }
    return "; ".join(
        [
            "default-src 'none'",
            "img-src blob: data:",
            "connect-src 'self'",
            f"style-src 'sha256-{hashes[b'style']}'",
            f"script-src 'sha256-{hashes[b'script']}'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        ]
    )


def _palette() -> str:
    """The palette's colours at each step of luminance, for the scripts."""
    return f"const PALETTE = {_PALETTE.read_text(encoding='utf-8')};"


def _text(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")
