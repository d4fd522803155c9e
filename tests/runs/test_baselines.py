"""What makes a recorded plain run a baseline of another run: only what it was computed with."""

from datetime import datetime, timedelta

import pytest

from lr_demo.config import Mode, Profile, RunSettings, VerifierKind, parse_profile
from lr_demo.events import RunStarted
from lr_demo.runs.baselines import LASTS, baseline_settings, fingerprint, is_baseline

TEXT = """
name: two-targets
description: a plain and a speculative target
servers:
  target: {engine: llama.cpp, model: big, threads: 2}
  speculative: {engine: llama.cpp, model: big, threads: 2, on_demand: true, speculation: {method: ngram, tokens: 6}}
  draft: {engine: llama.cpp, model: small}
roles: {target: target, speculative_target: speculative, draft: draft, judge: target}
embedder: all-minilm-l6-v2
"""
BOTH = RunSettings(mode=Mode.LOOKAHEAD_SPECULATIVE, verifier=VerifierKind.EMBEDDING)


def changed(old: str, new: str) -> Profile:
    assert old in TEXT
    return parse_profile(TEXT.replace(old, new), "two-targets.yaml")


PROFILE = changed("two-targets", "two-targets")


def test_the_baseline_of_a_speculative_run_is_the_plain_target_s() -> None:
    assert fingerprint(PROFILE, baseline_settings(BOTH)) == fingerprint(PROFILE, RunSettings(mode=Mode.AUTOREGRESSIVE))
    assert fingerprint(PROFILE, baseline_settings(BOTH)) != fingerprint(PROFILE, RunSettings(mode=Mode.SPECULATIVE))


@pytest.mark.parametrize(
    ("old", "new"),
    [("tokens: 6", "tokens: 3"), ("model: small", "model: other"), ("two-targets", "renamed"), ("all-minilm", "other")],
)
def test_what_has_no_part_in_the_baseline_leaves_it_valid(old: str, new: str) -> None:
    other = changed(old, new)
    assert fingerprint(other, baseline_settings(BOTH)) == fingerprint(PROFILE, baseline_settings(BOTH))


def test_the_plain_target_s_settings_do_count() -> None:
    other = changed("model: big, threads: 2}", "model: big, threads: 1}")
    assert fingerprint(other, baseline_settings(BOTH)) != fingerprint(PROFILE, baseline_settings(BOTH))
    assert fingerprint(other, RunSettings(mode=Mode.SPECULATIVE)) == fingerprint(
        PROFILE, RunSettings(mode=Mode.SPECULATIVE)
    )


def test_runs_with_another_speculation_draft_or_embedder_are_not_the_same() -> None:
    prints = {fingerprint(PROFILE, BOTH)}
    for old, new in (("tokens: 6", "tokens: 3"), ("model: small", "model: other"), ("all-minilm", "other")):
        prints.add(fingerprint(changed(old, new), BOTH))
    assert len(prints) == 4


def test_when_a_server_is_started_makes_no_difference() -> None:
    other = changed("on_demand: true, ", "")
    speculative = RunSettings(mode=Mode.SPECULATIVE)
    assert fingerprint(other, speculative) == fingerprint(PROFILE, speculative)


@pytest.mark.parametrize(("simulated", "after_an_hour"), [(False, False), (True, True)])
def test_a_pace_that_was_measured_long_ago_is_compared_with_nothing_new(simulated: bool, after_an_hour: bool) -> None:
    def counts(age: timedelta) -> bool:
        started = RunStarted(
            prompt="2 + 2?",
            mode=Mode.AUTOREGRESSIVE,
            profile="two-targets",
            settings=baseline_settings(BOTH).model_dump(mode="json"),
            models={},
            started_at=(datetime.now().astimezone() - age).isoformat(timespec="milliseconds"),
            simulated=simulated,
            hardware="two cores",
            fingerprint="f",
        )
        return is_baseline(started, "2 + 2?", BOTH, "f", "two cores")

    assert counts(LASTS * 0.9)
    assert counts(LASTS * 1.1) == after_an_hour
