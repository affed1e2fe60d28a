"""Everything that talks to Blender; nothing else in the package imports bpy."""
