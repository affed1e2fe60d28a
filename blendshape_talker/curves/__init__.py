"""Animation curves after a bake: fewer keys for the same motion, keys set by hand, ranges baked anew."""
