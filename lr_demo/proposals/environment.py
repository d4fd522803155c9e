"""How a server's process is told where drafted steps come from, and what to propose where there are none."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_FOLDER = "LOOKAHEAD_LIVE_PROPOSALS"
_NGRAM_TOKENS = "LOOKAHEAD_LIVE_NGRAM_TOKENS"
_LOOKUP = "LOOKAHEAD_LIVE_LOOKUP"


@dataclass(frozen=True, slots=True)
class ProposerOptions:
    """What a proposer is started with; its most proposals it learns from the engine."""

    folder: Path | None = None
    """Where its socket goes; None: no drafted steps come."""
    ngram_tokens: int = 6
    """Most proposals from the sequence's own past; 0: none."""
    lookup: int = 2
    """Tokens that must be the same, 2 or more."""

    def to_environment(self) -> dict[str, str]:
        """As environment variables."""
        folder = {} if self.folder is None else {_FOLDER: str(self.folder)}
        return folder | {_NGRAM_TOKENS: str(self.ngram_tokens), _LOOKUP: str(self.lookup)}

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "ProposerOptions":
        """From environment variables; what is not there keeps its default."""
        default = cls()
        folder = environment.get(_FOLDER)
        return cls(
            Path(folder) if folder else None,
            int(environment.get(_NGRAM_TOKENS, default.ngram_tokens)),
            int(environment.get(_LOOKUP, default.lookup)),
        )
