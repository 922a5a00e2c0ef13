"""``python -m tests.reliability``: see ``run``.  A file of this name is not loaded again by the processes that the tests start."""

import sys

from tests.reliability.run import main

if __name__ == "__main__":
    sys.exit(main())
