"""The work behind build.py's tasks: environments, tests, wheels, the extension's zip and its repository."""
