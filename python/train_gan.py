#!/usr/bin/env python3
"""`colorgan train`, under the name that it has had from the beginning."""

import sys

from colorgan.commands.front_door import main

if __name__ == "__main__":
    sys.exit(main(["train", *sys.argv[1:]]))
