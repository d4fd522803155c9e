"""Python's search for reference cycles, kept away from what stays as long as the program."""

import gc

_NEW_OBJECTS = 10_000
"""So many more than before are searched at once. With Python's 700, what a run writes is searched again and again: a
tenth of all the work for it."""


def keep_what_is_there() -> None:
    """No longer search for garbage in what was imported and built, and seldom in what comes.

    Each search of everything stops every run and every page for a tenth to two fifths of a second.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS)
