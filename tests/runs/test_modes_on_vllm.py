"""LR+SD and SD end to end on real vLLM servers: SmolLM2 plain, with n-gram proposals, and with drafted steps.

In SD with the latter, vLLM asks a draft on llama.cpp between its passes.
"""

import asyncio
import time
from collections.abc import Iterator
from importlib.util import find_spec

import pytest

from lr_demo.config import (
    DraftedSpeculation,
    Mode,
    Proposals,
    RunSettings,
    Schedule,
    VerifierKind,
    VllmServer,
    parse_profile,
)
from lr_demo.events import Role
from lr_demo.run_state import StepPhase
from lr_demo.runs.manager import RunManager
from lr_demo.runs.race import Race, RunPhase
from lr_demo.serving.endpoint import Endpoint
from lr_demo.serving.telemetry import ServerMetrics, read_metrics
from tests.engines import LAST_CORE

PROFILE = """
name: smol-vllm
description: SmolLM2 on vLLM in every role
servers:
  target:
    {{engine: endpoint, base_url: "{0.base_url}", model: {0.model}, family: {0.family}, tokenizer: {0.vocabulary}}}
  draft:
    {{engine: endpoint, base_url: "{1.base_url}", model: {1.model}, family: {1.family}, tokenizer: {1.vocabulary},
      dialect: {1.dialect}}}
  speculative:
    {{engine: vllm, model: smollm2-135m, dtype: auto, max_model_len: 2048, kv_cache_gib: 0.5, eager: true, cores: "{3}",
      speculation: {2}}}
roles: {{target: target, speculative_target: speculative, draft: draft, judge: target}}
"""
PROMPT = "Write the numbers from one to twenty as words, one on each line, then once more."
PLAN = RunSettings(verifier=VerifierKind.EXACT, temperature=0, max_tokens=80, step_cap=24, lookahead=2)
IDLE_WITHIN_S = 2.0
pytestmark = [
    pytest.mark.vllm,
    pytest.mark.timeout(900),
    pytest.mark.skipif(find_spec("vllm") is None, reason="vllm is not installed"),
]


@pytest.fixture(
    scope="module",
    params=[
        ("{method: ngram}", "vllm_endpoint"),
        ("{method: drafted, drafting: between, ngram_tokens: 2}", "llamacpp_endpoint"),
    ],
    ids=["ngram", "drafted"],
)
def manager(
    vllm_endpoint: Endpoint, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunManager]:
    speculation, draft = request.param
    text = PROFILE.format(vllm_endpoint, request.getfixturevalue(draft), speculation, LAST_CORE)
    profile = parse_profile(text, "smol-vllm.yaml")
    with RunManager(profile, tmp_path_factory.mktemp("traces"), hardware="a test machine") as manager:
        yield manager


def finished(manager: RunManager, mode: Mode, **changes: object) -> Race:
    race = manager.start(PROMPT, PLAN.model_copy(update={"mode": mode, **changes}), baseline=False)

    async def follow() -> None:
        async for _ in race.run.log.follow():
            pass

    asyncio.run(follow())
    assert race.run.phase is RunPhase.FINISHED, race.summary().reason
    return race


def metrics(manager: RunManager) -> ServerMetrics:
    """Of the speculative server."""
    detail = next(status.detail for status in manager.fleet_statuses() if status.name == "speculative")
    return asyncio.run(read_metrics(Endpoint(detail.split()[-1], "vllm", "m", "M", "v", "f")))


def test_greedy_answers_are_plain_decodings_and_nothing_stays_at_the_servers(
    manager: RunManager, vllm_endpoint: Endpoint
) -> None:
    plain = finished(manager, Mode.AUTOREGRESSIVE).summary()
    assert plain.speculation is None
    for mode in (Mode.SPECULATIVE, Mode.LOOKAHEAD_SPECULATIVE):
        race = finished(manager, mode)
        summary = race.summary()
        assert summary.answer == plain.answer
        assert summary.speculation is not None
        assert 0 < summary.speculation.accepted_tokens <= summary.speculation.proposed_tokens
        steps = [step for step in race.run.state().steps.values() if step.key.role is Role.TARGET]
        assert all(sum(step.passes) == step.tokens for step in steps)
        assert max(tokens for step in steps for tokens in step.passes) > 1, "tokens that a pass confirmed come together"
        if mode is Mode.LOOKAHEAD_SPECULATIVE:
            phases = {step.phase for step in race.run.state().steps.values()}
            left = {StepPhase.CANCELLED, StepPhase.COMPLETE}  # as the draft was writing it, or had just written it
            assert phases & left, "an answer of equal steps that ends leaves a draft behind it"

    deadline = time.monotonic() + IDLE_WITHIN_S
    while metrics(manager).running or asyncio.run(read_metrics(vllm_endpoint)).running:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_prefix_is_read_once(manager: RunManager) -> None:
    before = metrics(manager)
    finished(manager, Mode.LOOKAHEAD_SPECULATIVE)
    after = metrics(manager)
    assert after.cached_tokens - before.cached_tokens > 0.5 * (after.prompt_tokens - before.prompt_tokens)


def test_drafted_steps_are_the_better_proposals(manager: RunManager) -> None:
    server = manager.profile.servers["speculative"]
    if not isinstance(server, VllmServer) or not isinstance(server.speculation, DraftedSpeculation):
        pytest.skip("this server takes no drafted steps")
    drafted, ngram = (
        finished(manager, Mode.LOOKAHEAD_SPECULATIVE, schedule=Schedule.SYNC, proposals=kind).summary()
        for kind in Proposals  # drafts are whole before expansions begin
    )
    assert drafted.answer == ngram.answer
    assert drafted.speculation is not None
    assert ngram.speculation is not None
    assert drafted.speculation.accepted_tokens > ngram.speculation.accepted_tokens
