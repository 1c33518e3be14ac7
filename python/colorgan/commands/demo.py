"""Colour photographs on a small page in the browser, served from this machine."""

import signal
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from contextlib import suppress

from colorgan.commands.arguments import add_coloring_arguments, millions, up_to
from colorgan.photos.page.senders import PublicUrl
from colorgan.photos.page.server import PageServer
from colorgan.photos.page.workshop import Workshop

EPILOG = """\
The page's address is printed; Ctrl-C ends it. Photos are only kept in memory, while they are being
coloured, and a few for some minutes while they are painted on. With --host 0.0.0.0, everyone who
can reach this machine can use the page. Behind a proxy, use --public-url to say where browsers find
it; a tunnel such as ssh -L needs no option.
"""

port_number = up_to(65535, least=0)
"""A TCP port; 0 for any free one."""


def public_url(text: str) -> PublicUrl:
    """The address at which browsers find the page behind a proxy."""
    try:
        return PublicUrl.parse(text)
    except ValueError:
        raise ArgumentTypeError(
            f"{text!r} is not the address of a page, such as https://photos.example/colour/"
        ) from None


def add_arguments(parser: ArgumentParser) -> None:
    """Add the command's arguments."""
    add_coloring_arguments(parser)
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (127.0.0.1: this machine only)")
    add("--port", type=port_number, default=8064, metavar="N", help="0: any free one (8064)")
    add(
        "--public-url",
        type=public_url,
        metavar="URL",
        help="where browsers find the page behind a proxy: https://photos.example/colour/",
    )
    add("--max-upload-mb", type=millions, default=50, metavar="N", help="refuse larger files (50)")


def run(options: Namespace) -> None:
    """Load the nets, open the port, print the address, and serve until Ctrl-C or SIGTERM."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    max_pixels, max_bytes = int(options.max_megapixels * 1e6), int(options.max_upload_mb * 1e6)
    with (
        Workshop(options.weights, options.device, max_pixels) as workshop,
        PageServer(options.host, options.port, workshop, max_bytes, options.public_url) as server,
        suppress(KeyboardInterrupt),
    ):
        print(server.url, *filter(None, [options.public_url]), sep="\n", flush=True)
        server.serve()
