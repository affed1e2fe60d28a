"""What concerns every run of the tests."""

import os
import sys

import pytest

_STATUS = pytest.StashKey[int]()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session, exitstatus):
    session.config.stash[_STATUS] = int(exitstatus)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config):
    """Leave before bpy 4.2 ends: after any glTF export its module crashes at exit, in a script of three lines too."""
    bpy = sys.modules.get("bpy")
    if bpy is not None and bpy.app.version < (4, 3) and _STATUS in config.stash:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(config.stash[_STATUS])
