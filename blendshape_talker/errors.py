"""The two exceptions that cross module borders on purpose."""


class TalkerError(Exception):
    """What a user did wrong or must know: one line that says what is wrong and what to do.

    The command line prints it on standard error and exits with status 1; Blender's operators report it.
    """


class Cancelled(Exception):
    """The user asked a long job to stop; nothing has been written."""
