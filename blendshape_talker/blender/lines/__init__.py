"""What a bake leaves on a head: shape keys, Actions, NLA strips, marks and the sound strip of each line."""
