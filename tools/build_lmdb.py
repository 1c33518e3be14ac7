#!/usr/bin/env python3
"""`colorgan build-lmdb`, under the name that it has had from the beginning."""

import sys

from colorgan.commands.front_door import main

if __name__ == "__main__":
    sys.exit(main(["build-lmdb", *sys.argv[1:]]))
