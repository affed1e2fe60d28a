"""Lets the tests of this folder share helpers that lie beside them."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def corpus(tmp_path_factory):
    """A corpus in our own layout: two shapes (the mouth opens, the brows rise), four speakers of two clips each."""
    import tone_corpus

    return tone_corpus.make(tmp_path_factory.mktemp("corpus"))
