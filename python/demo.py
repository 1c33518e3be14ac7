#!/usr/bin/env python3
"""Colour photographs on a small page in the browser, served from this machine."""

import argparse
import signal
import sys
from argparse import ArgumentTypeError
from contextlib import suppress

from colorgan.arguments import coloring_parser, positive_float
from colorgan.demo import DemoServer, Workshop
from colorgan.errors import run_program

EPILOG = """\
The page's address is printed; Ctrl-C ends it. Photos are kept in memory only, while they are
coloured. With --host 0.0.0.0 everyone who reaches this machine can use the page.
"""


def port_number(text: str) -> int:
    """A TCP port; 0 for any free one."""
    if not 0 <= (value := int(text)) <= 65535:
        raise ArgumentTypeError(f"{text} is not from 0 to 65535")
    return value


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = coloring_parser(__doc__, EPILOG)
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
    return parser.parse_args()


def main() -> None:
    """Load the nets, open the port, print the address, serve until Ctrl-C or SIGTERM."""
    options = parse_arguments()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    max_pixels, max_bytes = int(options.max_megapixels * 1e6), int(options.max_upload_mb * 1e6)
    with (
        Workshop(options.weights, options.device, max_pixels) as workshop,
        DemoServer(options.host, options.port, workshop, max_bytes) as server,
        suppress(KeyboardInterrupt),
    ):
        print(server.url, flush=True)
        server.serve_forever()


if __name__ == "__main__":
    sys.exit(run_program(main))
