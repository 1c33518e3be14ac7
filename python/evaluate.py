#!/usr/bin/env python3
"""`colorgan evaluate`, under the name that it has had from the beginning."""

import sys

from colorgan.commands.front_door import main

if __name__ == "__main__":
    sys.exit(main(["evaluate", *sys.argv[1:]]))
