"""`python -m neurobot` is the command `neurobot`."""

import sys

from neurobot.cli import main

if __name__ == "__main__":
    sys.exit(main())
