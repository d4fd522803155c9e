"""Every error of ours, in one tree.

LookaheadError
├── UserError            what the user asked for cannot be done: exit code 2, one sentence
│   ├── ConfigError      a profile or a setting is wrong (file, line, key named)
│   └── TraceError       a trace cannot be read (damaged, out of order)
│       └── UnknownVersion   it is of another schema version
├── WeightsError         model files could not be found, fetched or verified
├── ServingError         a model server could not be started or died
│   └── NoAnswer         nobody answers at its address, or only who stands in front of it
└── ModelError           a request to a model failed; the run may go on without that role
    ├── RequestRefused   the server answers and will not do it: asking again is no use
    └── ServerGone       its server was given up: asking again is no use until somebody restarts it

Each message says what was wrong, with which value, and what to do about it.
"""


class LookaheadError(Exception):
    """Base of all errors this project raises on purpose; its text is fit for a user."""


class UserError(LookaheadError):
    """What the user asked for cannot be done."""


class ConfigError(UserError):
    """A profile or a setting is wrong."""


class TraceError(UserError):
    """A trace cannot be read."""


class UnknownVersion(TraceError):
    """A trace is of another schema version than this program reads."""


class WeightsError(LookaheadError):
    """Model files could not be found, fetched or verified."""


class ServingError(LookaheadError):
    """A model server could not be started, or died."""


class NoAnswer(ServingError):
    """Nobody answers at a server's address, or only who stands in front of it, as a router."""


class ModelError(LookaheadError):
    """A request to a model failed."""


class RequestRefused(ModelError):
    """The model's server answers, and will not do what was asked: asking again is no use."""


class ServerGone(ModelError):
    """The model's server was given up: asking again is no use until somebody restarts it."""
