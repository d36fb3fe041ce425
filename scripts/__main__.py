"""Runs the command line: `python -m scripts <command>`."""

import sys

from scripts.cli import main

if __name__ == "__main__":
    sys.exit(main())
