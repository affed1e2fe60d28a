"""Blendshape Talker: a recording and an emotion in, an animated FLAME head out.

As a Blender extension this module is the entry point; as a library start at :mod:`.pipeline`.
"""


def register() -> None:
    """Called by Blender when the extension is enabled; loads no network and imports no torch."""
    from .blender import registration

    registration.register()


def unregister() -> None:
    """Called by Blender when the extension is disabled; takes back everything :func:`register` did."""
    from .blender import registration

    registration.unregister()
