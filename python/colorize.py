#!/usr/bin/env python3
"""`colorgan colorize`, under the name that it has had from the beginning."""

import sys

from colorgan.commands.front_door import main

if __name__ == "__main__":
    sys.exit(main(["colorize", *sys.argv[1:]]))
