"""Which schemes a profile can run: what a table calls SD by n-grams has to have come from n-grams."""

import pytest

from lr_demo.benchmark.real_models import COMPARED
from lr_demo.benchmark.schemes import Scheme, by_profile, why_not
from lr_demo.config import parse_profile
from lr_demo.errors import ConfigError
from tests.runs.simulated_profile import quick_profile

PROFILE = """
name: speculating
description: two servers, one of which speculates
servers:
  target: {{engine: vllm, model: a/b, tokenizer: ab, speculation: {speculation}}}
  draft: {{engine: llama.cpp, model: c/d, tokenizer: ab}}
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
    assert why_not(profile, Scheme.SD_NGRAM) == (
        "the speculative target of profile speculating proposes tokens by draft_model, not by ngram"
    )
    assert "takes no drafted steps" in str(why_not(profile, Scheme.SD_DRAFTED))


def test_what_is_missing_altogether_is_named() -> None:
    reasons = {scheme: why_not(quick_profile(), scheme) for scheme in COMPARED}
    assert "lacks a target server with token-level speculation" in str(reasons[Scheme.LR_SD_NGRAM])
    assert reasons[Scheme.LR_JUDGE] is None


def test_other_proposals_are_those_of_a_copy_of_the_profile_beside_plain_decoding() -> None:
    profile = parse_profile(PROFILE.format(speculation=ONLY_DRAFTED), "speculating.yaml")
    schemes = [Scheme.AR, Scheme.LR_SD_NGRAM, Scheme.SD_DRAFTED, Scheme.SD_DRAFT_MODEL, Scheme.AUTO]
    own, ngram, draft_model = by_profile(profile, schemes)
    assert own == (profile, [Scheme.AR, Scheme.SD_DRAFTED, Scheme.AUTO])
    assert (ngram[0].name, ngram[1]) == ("speculating-ngram", [Scheme.AR, Scheme.LR_SD_NGRAM])
    assert (draft_model[0].name, draft_model[1]) == ("speculating-draft-model", [Scheme.AR, Scheme.SD_DRAFT_MODEL])
    for copy, its in (ngram, draft_model):
        assert [why_not(copy, scheme) for scheme in its] == [None] * 2
        assert copy.roles.target == "target"
        assert copy.servers["target"] == profile.servers["target"].model_copy(update={"speculation": None})
    assert by_profile(profile, [Scheme.SD_DRAFT_MODEL]) == [(draft_model[0], [Scheme.SD_DRAFT_MODEL])]


def test_a_speculative_target_of_its_own_is_not_started_twice() -> None:
    text = PROFILE.format(speculation=DRAFTED).replace("roles: {target: target,", "roles: {target: plain,")
    text = text.replace("servers:\n", "servers:\n  plain: {engine: vllm, model: a/b, tokenizer: ab}\n")
    profile = parse_profile(text, "speculating.yaml")
    _, (copy, _) = by_profile(profile, [Scheme.AR, Scheme.SD_DRAFT_MODEL])
    assert copy.servers.keys() == profile.servers.keys()
    assert copy.servers["plain"] == profile.servers["plain"]
    assert copy.roles == profile.roles
    assert why_not(copy, Scheme.SD_DRAFT_MODEL) is None


@pytest.mark.parametrize(
    ("old", "new", "scheme", "reason"),
    [
        ("method: drafted", "method: ngram", Scheme.SD_DRAFT_MODEL, "proposes tokens by ngram, not by draft_model"),
        ("c/d, tokenizer: ab", "c/d, tokenizer: other", Scheme.SD_DRAFT_MODEL, "c/d has another tokenizer than a/b"),
        ("model: a/b", "model: a/b, gpus: [0], gpu_memory_utilization: 0.6", Scheme.SD_DRAFT_MODEL, "more than once"),
    ],
)
def test_where_no_copy_can_propose_so_it_says_why(old: str, new: str, scheme: Scheme, reason: str) -> None:
    profile = parse_profile(PROFILE.format(speculation=DRAFTED).replace(old, new), "speculating.yaml")
    with pytest.raises(ConfigError, match=reason):
        by_profile(profile, [Scheme.AR, scheme])
