"""`python -m colorgan COMMAND`, the same as `colorgan COMMAND`."""

import sys

from colorgan.commands.front_door import main

if __name__ == "__main__":
    sys.exit(main())
