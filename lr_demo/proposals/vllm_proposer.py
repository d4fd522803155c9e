"""vLLM's proposer of drafted steps: `--speculative-config '{"method": "custom_class", "model": "…"}'` names it.

It runs inside the server's worker. What it proposes is verified by vLLM as any proposal is, so it can make an answer
faster but never other. Of several workers of one engine only the one counts that answers the scheduler, the first of
the last pipeline stage: the scheduler hands its proposals to all ranks with the next step, so they always agree.
"""

import logging
import os
import time
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from lr_demo.proposals.asking import Asking
from lr_demo.proposals.channel import Receiver
from lr_demo.proposals.environment import ProposerOptions
from lr_demo.proposals.index import REMEMBERED, Accompanied, DraftedSteps
from lr_demo.proposals.worth import Worth

REACH = 2048
"""Tokens that are looked back over: more than a step has."""
_logger = logging.getLogger(__name__)


class _SpeculativeConfig(Protocol):
    num_speculative_tokens: int


class _ModelConfig(Protocol):
    max_model_len: int


class EngineConfig(Protocol):
    """What of vLLM's configuration counts here."""

    @property
    def speculative_config(self) -> _SpeculativeConfig: ...

    @property
    def model_config(self) -> _ModelConfig: ...


class DraftedStepProposer:
    """Proposes how a drafted step goes on; where there is none, what followed in the sequence's own past.

    For a sequence that is alone and accompanied, what the draft writes when it is asked, while the target waits for it:
    for a draft on the same processor, which would only slow the target down if it wrote beside it.
    """

    def __init__(self, config: EngineConfig) -> None:
        self._most = config.speculative_config.num_speculative_tokens
        self._longest = config.model_config.max_model_len
        self._options = ProposerOptions.from_environment(os.environ)
        self._steps = DraftedSteps(self._options.lookup)
        self._accompanied: dict[int, Accompanied] = {}
        self._asking = Asking()
        self._worth = Worth()
        self._before: list[tuple[int, int]] = []
        """Tokens and proposals of each sequence of the pass before."""
        self._ended = 0.0
        self._receiver: Receiver | None = None
        if self._options.folder is not None:
            try:
                self._receiver = Receiver(self._options.folder)
            except OSError:
                _logger.exception("no drafted steps can come: %s", self._options.folder)

    def propose(
        self,
        sampled_token_ids: Sequence[Sequence[int]],
        num_tokens_no_spec: npt.NDArray[np.int32],
        token_ids_cpu: npt.NDArray[np.int32],
        slot_mappings: object = None,
    ) -> list[list[int]]:
        """Proposals for each sequence of the batch, an empty list where there are none.

        `sampled_token_ids` [sequence][newly sampled]; `num_tokens_no_spec` [sequence]: tokens so far;
        `token_ids_cpu` [sequence, position].
        """
        try:
            self._listen()
            sampled = [len(tokens) for tokens in sampled_token_ids]
            lengths = [int(num_tokens_no_spec[row]) for row in range(len(sampled))]
            self._learn(sampled, lengths)
            asked = self._ask(token_ids_cpu[0], lengths[0]) if len(sampled) == 1 and sampled[0] else None
            if asked is not None:
                offered, taken = [asked], [len(asked)]
            else:
                offered = [
                    self._follow(token_ids_cpu[row], length) if sampled[row] else []
                    for row, length in enumerate(lengths)
                ]
                taken = self._worth.take([len(proposals) for proposals in offered])
            self._before = list(zip(lengths, taken, strict=True))
            self._ended = time.perf_counter()
            return [proposals[:most] for proposals, most in zip(offered, taken, strict=True)]
        except Exception:  # a proposal is a help; without it the server goes on
            _logger.exception("no proposals in this step")
            self._before = []
            return [[] for _ in sampled_token_ids]

    def close(self) -> None:
        """Take no more drafted tokens."""
        if self._receiver is not None:
            self._receiver.close()
            self._receiver = None
        self._asking.close()

    def load_model(self, *arguments: object, **options: object) -> None:
        """Nothing to load."""

    def _learn(self, sampled: list[int], lengths: list[int]) -> None:
        """From a pass over the sequences of the one before it and no other: then the engine did nothing between."""
        took = time.perf_counter() - self._ended
        if len(lengths) != len(self._before) or not all(sampled):
            return
        if all(length - new == before for length, new, (before, _) in zip(lengths, sampled, self._before, strict=True)):
            verified = [(most, new - 1) for new, (_, most) in zip(sampled, self._before, strict=True)]
            self._worth.passed(took, verified)

    def _listen(self) -> None:
        """Take what has come since the last pass."""
        for said in self._receiver.drain() if self._receiver is not None else ():
            if not isinstance(said, Accompanied):
                self._steps.add(said)
            elif said.draft:
                self._accompanied[said.name] = said
                self._worth.begins_another()
            else:
                self._accompanied.pop(said.name, None)
        while len(self._accompanied) > REMEMBERED:  # of programs that have ended without a word
            del self._accompanied[next(iter(self._accompanied))]

    def _ask(self, sequence: npt.NDArray[np.int32], length: int) -> list[int] | None:
        """What the draft writes behind a sequence; None where it is not accompanied."""
        room = min(self._most, self._longest - length - 1)
        if room < 1 or not self._accompanied:
            return None
        ending: list[int] = sequence[max(0, length - REACH) : length].tolist()
        by = next((each for each in self._accompanied.values() if each.begins(ending, length)), None)
        if by is None:
            return None
        most = self._worth.draft(room, self._asking.request_s, self._asking.token_s)
        return self._asking.continuation(by.draft, sequence[:length].tolist(), most)

    def _follow(self, sequence: npt.NDArray[np.int32], length: int) -> list[int]:
        room = min(self._most, self._longest - length - 1)
        if room < 1:
            return []
        ending: list[int] = sequence[max(0, length - REACH) : length].tolist()
        drafted = self._steps.continuation(ending, length, room)
        return drafted or _repetition(sequence, length, self._options.lookup, min(room, self._options.ngram_tokens))


def _repetition(sequence: npt.NDArray[np.int32], length: int, lookup: int, most: int) -> list[int]:
    """What followed the last time that the sequence went like its end."""
    if length <= lookup or most < 1:
        return []
    ends = np.ones(length - lookup, dtype=bool)
    for ahead in range(lookup):
        ends &= sequence[ahead : length - lookup + ahead] == sequence[length - lookup + ahead]
    starts = np.flatnonzero(ends)
    if not len(starts):
        return []
    follow = int(starts[-1]) + lookup
    found: list[int] = sequence[follow : min(length, follow + most)].tolist()
    return found
