"""Sound in, lip motion out: reading recordings, the speech encoder, the speech network, streams, lip figures."""
