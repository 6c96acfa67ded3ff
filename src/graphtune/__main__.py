"""``python -m graphtune`` is the command."""

import sys

from graphtune.cli.app import main

if __name__ == "__main__":
    sys.exit(main())
