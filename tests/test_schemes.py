"""Which schemes a profile can run: what a table calls SD by n-grams has to have come from n-grams."""

import pytest

from lr_demo.benchmark.real_models import COMPARED
from lr_demo.benchmark.schemes import Scheme, why_not
from lr_demo.config import parse_profile
from tests.runs.simulated_profile import quick_profile

PROFILE = """
name: speculating
description: two servers, one of which speculates
servers:
  target: {{engine: vllm, model: a/b, speculation: {speculation}}}
  draft: {{engine: llama.cpp, model: c/d}}
roles: {{target: target, speculative_target: target, draft: draft, judge: target}}
"""
NGRAM = "{method: ngram}"
DRAFT_MODEL = "{method: draft_model, model: c/d}"
DRAFTED = "{method: drafted}"
ONLY_DRAFTED = "{method: drafted, ngram_tokens: 0}"


@pytest.mark.parametrize(
    ("speculation", "possible"),
    [
        (NGRAM, {Scheme.SD_NGRAM, Scheme.LR_SD_NGRAM}),
        (DRAFT_MODEL, {Scheme.SD_DRAFT_MODEL, Scheme.LR_SD_DRAFT_MODEL}),
        (DRAFTED, {Scheme.SD_DRAFTED, Scheme.LR_SD_DRAFTED, Scheme.SD_NGRAM, Scheme.LR_SD_NGRAM}),
        (ONLY_DRAFTED, {Scheme.SD_DRAFTED, Scheme.LR_SD_DRAFTED}),
        ("{method: suffix}", set()),
    ],
)
def test_token_proposals_come_from_where_the_scheme_says(speculation: str, possible: set[Scheme]) -> None:
    profile = parse_profile(PROFILE.format(speculation=speculation), "speculating.yaml")
    speculating = {scheme for scheme in Scheme if "sd-" in scheme}
    assert {scheme for scheme in speculating if why_not(profile, scheme) is None} == possible
    assert why_not(profile, Scheme.AR) is why_not(profile, Scheme.LR_JUDGE) is None


def test_the_reason_names_both_sources() -> None:
    profile = parse_profile(PROFILE.format(speculation=DRAFT_MODEL), "speculating.yaml")
    assert why_not(profile, "sd-ngram") == (
        "the speculative target of profile speculating proposes tokens by draft_model, not by ngram"
    )
    assert "takes no drafted steps" in str(why_not(profile, "sd-drafted"))


def test_what_is_missing_altogether_is_named() -> None:
    reasons = {scheme: why_not(quick_profile(), scheme) for scheme in COMPARED}
    assert "lacks a target server with token-level speculation" in str(reasons["lr-sd-ngram"])
    assert reasons["lr-judge"] is None
    assert why_not(quick_profile(), "of-tomorrow") == "this release has no scheme of-tomorrow"
