"""Lets the tests of this folder find :mod:`playing`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
