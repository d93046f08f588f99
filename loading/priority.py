"""What a process that loads leaves to those who answer."""

import os

_NICENESS = 10
"""As that of the nights."""


def let_others_go_first() -> None:
    """From now on this thread, and those it begins, wait where cores are short."""
    os.nice(_NICENESS)
