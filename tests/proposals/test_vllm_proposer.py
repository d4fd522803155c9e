"""What the proposer tells vLLM; the engine's arrays are made here, the engine itself is real elsewhere."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from lr_demo.proposals.asking import Asking
from lr_demo.proposals.channel import Sender
from lr_demo.proposals.environment import ProposerOptions
from lr_demo.proposals.index import ANCHOR, Accompanied, DraftedTokens
from lr_demo.proposals.vllm_proposer import DraftedStepProposer

LONGEST = 64


@dataclass
class Speculative:
    num_speculative_tokens: int = 4


@dataclass
class Model:
    max_model_len: int = LONGEST


@dataclass
class Config:
    speculative_config: Speculative
    model_config: Model


def tell(monkeypatch: pytest.MonkeyPatch, options: ProposerOptions) -> None:
    for name, value in options.to_environment().items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def sender(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sender]:
    monkeypatch.chdir(tmp_path)
    tell(monkeypatch, ProposerOptions(Path("sockets"), ngram_tokens=3))
    sender = Sender(Path("sockets"))
    yield sender
    sender.close()


def proposed(proposer: DraftedStepProposer, *sequences: list[int], sampled: bool = True) -> list[list[int]]:
    rows = np.zeros((len(sequences), LONGEST), dtype=np.int32)
    for row, sequence in zip(rows, sequences, strict=True):
        row[: len(sequence)] = sequence
    lengths = np.array([len(sequence) for sequence in sequences], dtype=np.int32)
    return proposer.propose([[sequence[-1]] if sampled else [] for sequence in sequences], lengths, rows)


@pytest.fixture
def proposer(sender: Sender) -> Iterator[DraftedStepProposer]:
    proposer = DraftedStepProposer(Config(Speculative(), Model()))
    yield proposer
    proposer.close()


def test_each_sequence_gets_what_was_drafted_for_it(sender: Sender, proposer: DraftedStepProposer) -> None:
    first, second = list(range(20)), list(range(30, 55))
    sender.send(DraftedTokens(1, 20, tuple(first[-ANCHOR:]), 0, (200, 201, 202, 203, 204, 205)))
    sender.send(DraftedTokens(2, 25, tuple(second[-ANCHOR:]), 0, (300,)))
    assert proposed(proposer, second, first, [*first, 200]) == [[300], [200, 201, 202, 203], [201, 202, 203, 204]]


def test_a_sequence_without_a_draft_gets_what_followed_in_its_own_past(proposer: DraftedStepProposer) -> None:
    assert proposed(proposer, [1, 2, 3, 4, 5, 6, 7, 1, 2], [1, 2, 3], [5]) == [[3, 4, 5], [], []]


def test_a_sequence_that_sampled_nothing_or_has_no_room_gets_nothing(proposer: DraftedStepProposer) -> None:
    full = [1, 2] * (LONGEST // 2)
    assert proposed(proposer, [1, 2, 3, 1, 2], sampled=False) == [[]]
    assert proposed(proposer, full, full[:-1], full[:-2]) == [[], [], [1]]


def test_without_a_channel_it_still_proposes(monkeypatch: pytest.MonkeyPatch) -> None:
    tell(monkeypatch, ProposerOptions(None, ngram_tokens=2, lookup=3))
    proposer = DraftedStepProposer(Config(Speculative(), Model()))
    assert proposed(proposer, [1, 2, 3, 4, 1, 2, 3], [1, 2, 3, 4, 5, 2, 3]) == [[4, 1], []]
    tell(monkeypatch, ProposerOptions(None, ngram_tokens=0))
    assert proposed(DraftedStepProposer(Config(Speculative(), Model())), [1, 2, 3, 1, 2]) == [[]]


class Draft:
    """Stands for the draft's server: counts on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[tuple[str, list[int], int]] = []
        monkeypatch.setattr(Asking, "continuation", self.continuation)

    def continuation(self, address: str, sequence: list[int], most: int) -> list[int]:
        self.asked.append((address, sequence, most))
        return [sequence[-1] + 1 + n for n in range(most)]


def test_a_sequence_that_is_accompanied_and_alone_gets_what_the_draft_says_when_asked(
    sender: Sender, proposer: DraftedStepProposer, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft, sequence = Draft(monkeypatch), list(range(20))
    known = Accompanied(1, 20, tuple(sequence[-ANCHOR:]), "http://draft")
    sender.send(known)
    assert proposed(proposer, sequence) == [[20, 21, 22]]
    assert proposed(proposer, [*sequence, 50]) == [[51, 52, 53, 54]]
    assert draft.asked[1] == ("http://draft", [*sequence, 50], 4)
    assert proposed(proposer, [5, *sequence]) == [[]]
    assert proposed(proposer, sequence, [*sequence, 60]) == [[], []]
    assert proposed(proposer, sequence, sampled=False) == [[]]
    sender.send(Accompanied(1, 20, known.anchor))
    assert proposed(proposer, sequence) == [[]]
    assert len(draft.asked) == 2


def test_a_fault_of_its_own_costs_only_the_proposals(proposer: DraftedStepProposer) -> None:
    broken = np.zeros(3, dtype=np.int32)  # not the shape that vLLM gives
    assert proposer.propose([[1], [2]], broken, broken) == [[], []]
