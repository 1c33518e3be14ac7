"""Colour photographs on a small page in the browser, served from this machine."""

import signal
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from contextlib import suppress

from colorgan.commands.arguments import add_coloring_arguments, positive_float
from colorgan.photos.page.server import PageServer
from colorgan.photos.page.workshop import Workshop

EPILOG = """\
The page's address is printed; Ctrl-C ends it. Photos are kept in memory only, while they are
coloured. With --host 0.0.0.0 everyone who reaches this machine can use the page.
"""


def port_number(text: str) -> int:
    """A TCP port; 0 for any free one."""
    if not 0 <= (value := int(text)) <= 65535:
        raise ArgumentTypeError(f"{text} is not from 0 to 65535")
    return value


def add_arguments(parser: ArgumentParser) -> None:
    """What the command takes."""
    add_coloring_arguments(parser)
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (127.0.0.1: this machine alone)")
    add("--port", type=port_number, default=8064, metavar="N", help="0: any free one (8064)")
    add(
        "--max-upload-mb",
        type=positive_float,
        default=50,
        metavar="N",
        help="refuse larger files (50)",
    )


def run(options: Namespace) -> None:
    """Load the nets, open the port, print the address, serve until Ctrl-C or SIGTERM."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    max_pixels, max_bytes = int(options.max_megapixels * 1e6), int(options.max_upload_mb * 1e6)
    with (
        Workshop(options.weights, options.device, max_pixels) as workshop,
        PageServer(options.host, options.port, workshop, max_bytes) as server,
        suppress(KeyboardInterrupt),
    ):
        print(server.url, flush=True)
        server.serve()
