"""What goes wrong below the surface of serving; the user meets only `WeightsError` and `ServingError`."""


class SourceUnavailable(Exception):
    """A source of files does not have one, or cannot be reached; the text says why, after the source's name."""


class UnknownArchitecture(Exception):
    """What a model takes in memory cannot be told; the text says why, after the model's name."""
