"""Runs the command line: `python -m scripts <command>`."""

import sys

if __name__ == "__main__":
    try:
        from scripts.cli import main

        code = main()
    except KeyboardInterrupt:
        # So early that nothing has begun yet: the imports alone take a tenth of a second.
        print("error: interrupted", file=sys.stderr)
        code = 130
    sys.exit(code)
