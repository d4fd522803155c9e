"""Every mode end to end on real servers: SmolLM2 on llama.cpp as plain and as speculative target, and as draft."""

import asyncio
from collections.abc import Iterator
from importlib.util import find_spec

import pytest

from lr_demo.config import Mode, RunSettings, VerifierKind, parse_profile
from lr_demo.runs.manager import RunManager
from lr_demo.runs.race import Race, RunPhase

PROFILE = """
name: smol
description: SmolLM2 in every role
servers:
  target: {engine: llama.cpp, model: smollm2-135m, threads: 2}
  speculative: {engine: llama.cpp, model: smollm2-135m, threads: 2, on_demand: true, speculation: {method: ngram}}
  draft: {engine: llama.cpp, model: smollm2-135m, threads: 1}
roles: {target: target, speculative_target: speculative, draft: draft, judge: target}
"""
PROMPT = "Write the numbers from one to twenty as words, one on each line, then once more."
PLAN = RunSettings(verifier=VerifierKind.EXACT, temperature=0, max_tokens=80, step_cap=24, lookahead=2)
pytestmark = [
    pytest.mark.llamacpp,
    pytest.mark.skipif(find_spec("xllamacpp") is None, reason="xllamacpp is not installed"),
]


@pytest.fixture(scope="module")
def manager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunManager]:
    profile = parse_profile(PROFILE, "smol.yaml")
    with RunManager(profile, tmp_path_factory.mktemp("traces"), hardware="a test machine") as manager:
        yield manager


def finished(manager: RunManager, mode: Mode, baseline: bool = True) -> Race:
    race = manager.start(PROMPT, PLAN.model_copy(update={"mode": mode}), baseline=baseline)

    async def follow() -> None:
        async for _ in race.run.log.follow():
            pass

    asyncio.run(follow())
    assert race.run.phase is RunPhase.FINISHED, race.summary().reason
    return race


def test_the_answer_is_the_same_in_every_mode_and_only_a_speculative_target_speculates(manager: RunManager) -> None:
    races = {mode: finished(manager, mode) for mode in Mode if mode is not Mode.SPECREASON}
    summaries = {mode: race.summary() for mode, race in races.items()}
    answers = {mode: summary.answer for mode, summary in summaries.items()}
    assert set(answers.values()) == {answers[Mode.AUTOREGRESSIVE]}
    for mode, summary in summaries.items():
        figures = summary.speculation
        started = races[mode].run.started
        assert started is not None
        assert (figures is not None) == (started.servers["target"] == "speculative")
        assert mode is Mode.AUTO or (figures is not None) == mode.speculates_tokens  # auto plays where it is faster
        assert figures is None or (figures.drafts > 0 and 0 <= figures.accepted_tokens <= figures.proposed_tokens)
    begun = races[Mode.LOOKAHEAD_SPECULATIVE].run.started
    assert begun is not None
    assert begun.servers == {"target": "speculative", "draft": "draft"}
    assert begun.speculation == "n-gram, 6 tokens, lookup 2"


def test_the_baseline_of_a_speculative_run_is_measured_on_the_plain_target_and_in_turn(manager: RunManager) -> None:
    race = finished(manager, Mode.SPECULATIVE)
    assert not race.at_once
    assert race.baseline is not None
    assert race.baseline.started is not None
    assert race.baseline.started.servers == {"target": "target"}
    assert race.summary().speedup is not None


def test_specreason_runs_on_the_plain_target(manager: RunManager) -> None:
    race = finished(manager, Mode.SPECREASON, baseline=False)
    assert race.run.started is not None
    assert race.run.started.servers["target"] == "target"
    assert race.summary().speculation is None
