"""Python's collector stays at rest while much is loaded, does not make up for it afterwards, and misses nothing."""

import gc
import subprocess
import sys
import weakref

import pytest

from blendshape_talker import collector


@pytest.fixture
def searches():
    """Generations that the collector looked through, one a search."""
    found = []

    def note(phase, about):
        if phase == "start":
            found.append(about["generation"])

    gc.collect()
    gc.callbacks.append(note)
    yield found
    gc.callbacks.remove(note)


def test_nothing_is_searched_inside_nor_right_afterwards(searches):
    with collector.at_rest():
        made = [[] for _ in range(50_000)]
        assert not gc.isenabled()
    soon = [[] for _ in range(100)]
    assert gc.isenabled() and not searches and len(made) == 500 * len(soon)
    later = [[] for _ in range(5_000)]
    assert searches and max(searches) < 2, "what is new is searched as ever, and nothing else"
    assert len(later) == 5_000


def test_garbage_of_inside_is_found_in_the_end():
    class Node:
        pass

    with collector.at_rest():
        node = Node()
        node.itself = node
        seen = weakref.ref(node)
        del node
    gc.collect()
    assert seen() is None


def test_an_error_leaves_it_on_and_who_had_it_off_keeps_it_off():
    with pytest.raises(ImportError), collector.at_rest():
        raise ImportError
    assert gc.isenabled()
    gc.disable()
    try:
        with collector.at_rest():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_what_somebody_froze_stays_frozen():
    gc.freeze()
    try:
        frozen = gc.get_freeze_count()
        with collector.at_rest():
            pass
        assert gc.isenabled() and gc.get_freeze_count() >= frozen - 1000
    finally:
        gc.unfreeze()


def test_pytorch_is_imported_without_a_search():
    code = (
        "import gc, sys\n"
        "from blendshape_talker import devices\n"
        "searches = []\n"
        "gc.callbacks.append(lambda phase, about: 'torch' in sys.modules and searches.append(about))\n"
        "devices.available()\n"
        "assert 'torch' in sys.modules and not searches, len(searches)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
