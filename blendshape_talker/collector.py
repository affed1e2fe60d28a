"""Python's collector of garbage: at rest while modules are loaded, which bring much that stays."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def at_rest() -> Iterator[None]:
    """What is made inside counts as old from then on: it is searched for garbage neither now nor right afterwards.

    While PyTorch is imported, the collector would look through all objects of Blender's Python several times.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            # all that is young grows old, unless somebody keeps objects frozen, which would end with that
            if not gc.get_freeze_count():
                gc.freeze()
                gc.unfreeze()
            gc.enable()
