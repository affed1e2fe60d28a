"""The extension's words in other languages, and how Blender is told of them."""
