"""The page as a browser gets it: its files in `browser/`, put together in one.

So it takes a single request, and works below any path.
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
"""What is read, as people call it; rare formats are read without being named."""


def page_document(max_bytes: int) -> bytes:
    """The page, which lets nobody send files of more than `max_bytes`."""
    page = Template(_text("page.html")).substitute(
        style=_text("page.css"),
        script="\n".join([*map(_text, _SCRIPTS), _palette()]),
        accept=",".join(["image/*", *READABLE_SUFFIXES]),
        formats=_FORMATS,
        most=max_bytes,
    )
    return page.encode()


def content_security_policy(page: bytes) -> str:
    """Allow a page its own style, script and pictures, asking its own server, and nothing else."""
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
    """The colours of each step of luminance, for the scripts."""
    return f"const PALETTE = {_PALETTE.read_text(encoding='utf-8')};"


def _text(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")
