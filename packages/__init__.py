"""What makes the packages that customers install: an MSI for Windows and a .deb for Linux, both on Linux.

    python -m packages       # or: make packages

Both hold the agent and the SPOC, the libraries at the versions of requirements/lock.txt, and two services. The MSI
holds Windows' CPython too. They hold no tests, no local host and no secret. The same sources make the same bytes.
"""

from pathlib import Path

ROOT = Path(__file__).parents[1]

HERE = Path(__file__).parent


class NotMade(Exception):
    """A package can't be made. The message says why, and what to do."""
