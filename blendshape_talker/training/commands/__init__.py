"""The command line's training side, a module a subject."""
