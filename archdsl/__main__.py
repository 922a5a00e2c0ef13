"""``python -m archdsl`` is the ``archdsl`` command."""

import sys

from archdsl.cli import main

if __name__ == "__main__":
    sys.exit(main())
