"""``python -m tests.reliability``: see ``run``.  Processes that the tests start do not load a file of this name again."""

import sys

from tests.reliability.run import main

if __name__ == "__main__":
    sys.exit(main())
