"""Asks the draft's server, from inside the target's, how a sequence goes on: while it writes the target waits."""

import logging
import time
from collections.abc import Sequence

import httpx
from pydantic import BaseModel, ValidationError

from lr_demo import limits
from lr_demo.mean import Mean

_KEPT = 50.0
"""Times are means over about so many answers."""
_CAUGHT_UP = 32
"""Tokens that are read before an answer, at most, where the draft followed all along: more are read but once."""
_logger = logging.getLogger(__name__)


class _Timings(BaseModel):
    predicted_ms: float
    prompt_n: int


class _Answer(BaseModel):
    tokens: list[int]
    timings: _Timings


class Asking:
    """The draft's servers, on llama.cpp. One that fails costs time now and then, as limited, and never an answer."""

    def __init__(self) -> None:
        self._client = httpx.Client(timeout=limits.ASKED_DRAFT_S, trust_env=False)
        self._pause, self._away_until = limits.FIRST_ASKED_PAUSE_S, 0.0
        self._token, self._request = Mean(_KEPT), Mean(_KEPT)

    @property
    def token_s(self) -> float:
        """Seconds of a drafted token as it was lately; 0 before the first."""
        return self._token.value(0.0)

    @property
    def request_s(self) -> float:
        """Seconds of an answer over those of its tokens: reading what the target wrote, and the way there and back."""
        return self._request.value(0.0)

    def continuation(self, address: str, sequence: Sequence[int], most: int) -> list[int]:
        """What the draft writes behind a sequence of token ids: the likeliest, at most so many; none where it fails."""
        began = time.monotonic()
        if most < 1 or began < self._away_until:
            return []
        body = {
            "prompt": list(sequence),
            "n_predict": most,
            "temperature": 0,
            "cache_prompt": True,
            "return_tokens": True,
        }
        try:
            answer = self._client.post(f"{address}/completion", json=body).raise_for_status()
            told = _Answer.model_validate_json(answer.content)
        except (httpx.HTTPError, ValidationError) as error:
            _logger.warning(
                "the draft at %s does not answer, for %g s it is not asked: %s", address, self._pause, error
            )
            self._away_until = time.monotonic() + self._pause
            self._pause = min(2 * self._pause, limits.LONGEST_ASKED_PAUSE_S)
            return []
        self._pause = limits.FIRST_ASKED_PAUSE_S
        if told.tokens:
            writing = told.timings.predicted_ms / 1000
            self._token.add(writing / len(told.tokens))
            if told.timings.prompt_n <= _CAUGHT_UP:
                self._request.add(max(0.0, time.monotonic() - began - writing))
        return told.tokens[:most]

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
