"""Profiles and settings: defaults, ranges, and messages that name file, line and key."""

from pathlib import Path

import pytest

from lr_demo.config import (
    MAX_PROMPT_CHARACTERS,
    LlamaCppServer,
    Mode,
    RunSettings,
    VerifierKind,
    VllmServer,
    check_prompt,
    load_profile,
    parse_profile,
    parse_settings,
    profile_names,
)
from lr_demo.errors import ConfigError

GOOD = """\
name: two-servers
description: a target and a draft
servers:
  big:
    engine: vllm
    model: some/model
  small:
    engine: llama.cpp
    model: ./small.gguf
    slots: 2
roles:
  target: big
  draft: small
defaults:
  lookahead: 4
"""


def test_a_profile_is_read_with_its_defaults() -> None:
    profile = parse_profile(GOOD, "good.yaml")
    assert profile.defaults.lookahead == 4
    assert profile.servers["small"].vocabulary == "./small.gguf"
    assert not profile.simulated


@pytest.mark.parametrize("name", profile_names())
def test_every_profile_that_ships_is_sound_and_named_after_its_file(name: str) -> None:
    assert load_profile(name).name == name


@pytest.mark.parametrize("name", profile_names())
def test_a_judge_that_shares_the_targets_server_has_a_place_there_beside_the_parallel_budget(name: str) -> None:
    profile = load_profile(name)
    match profile.servers[profile.roles.target]:
        case VllmServer(max_num_seqs=places) | LlamaCppServer(slots=places) if (
            profile.roles.judge == profile.roles.target
        ):
            assert profile.defaults.parallel_budget < places


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("slots: 2", "slots: many", r"bad\.yaml, line 10, key servers\.small\.slots: .*integer"),
        ("slots: 2", "slots: 0", r"bad\.yaml, line 10, key servers\.small\.slots: .*greater than or equal to 1"),
        ("slots: 2", "slot: 2", r"bad\.yaml, line 10, key servers\.small\.slot: .*not permitted"),
        ("engine: vllm", "engine: abacus", r"bad\.yaml, line 4, key servers\.big: .*'abacus'.*'vllm'"),
        ("draft: small", "draft: tiny", r"role draft names server 'tiny'.*big, small"),
        ("    model: some/model\n", "", r"bad\.yaml, line 4, key servers\.big\.model: .*required"),
        ("lookahead: 4", "lookahead: 0", r"bad\.yaml, line 15, key defaults\.lookahead: .*greater than or equal to 1"),
        ("lookahead: 4", "threshold: 7", r"bad\.yaml, line 14, key defaults: threshold 7 is out of range"),
        ("name: two-servers", "name: Two Servers", r"bad\.yaml, line 1, key name: "),
        ("roles:\n", "roles: [\n", r"bad\.yaml, line \d+: this is not YAML"),
    ],
)
def test_a_mistake_in_a_profile_is_named_by_file_line_and_key(old: str, new: str, message: str) -> None:
    assert old in GOOD
    with pytest.raises(ConfigError, match=message):
        parse_profile(GOOD.replace(old, new), "bad.yaml")


@pytest.mark.parametrize("text", ["", "just words", "- a\n- list", "3"])
def test_what_is_no_mapping_is_no_profile(text: str) -> None:
    with pytest.raises(ConfigError, match=r"bad\.yaml, line 1: a profile is a mapping"):
        parse_profile(text, "bad.yaml")


def test_a_profile_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no profile 'nonsense': choose one of"):
        load_profile("nonsense")
    with pytest.raises(ConfigError, match=r"gone\.yaml cannot be read"):
        load_profile(str(tmp_path / "gone.yaml"))
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"binary\.yaml cannot be read"):
        load_profile(str(tmp_path / "binary.yaml"))


def test_what_a_profile_lacks_for_a_mode_is_said_in_words() -> None:
    profile = parse_profile(GOOD, "good.yaml")
    assert profile.missing_for(RunSettings(mode=Mode.AUTOREGRESSIVE)) == []
    assert profile.missing_for(RunSettings(mode=Mode.SPECREASON)) == []
    assert profile.missing_for(RunSettings(verifier=VerifierKind.EXACT)) == []
    assert "roles.judge" in profile.missing_for(RunSettings())[0]
    assert "embedder" in profile.missing_for(RunSettings(verifier=VerifierKind.EMBEDDING))[0]
    judge, embedder = profile.missing_for(RunSettings(verifier=VerifierKind.CASCADE))
    assert ("roles.judge" in judge, "embedder" in embedder) == (True, True)
    assert "roles.speculative_target" in profile.missing_for(RunSettings(mode=Mode.SPECULATIVE))[0]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"lookahead": 0}, "lookahead = 0: .*greater than or equal to 1"),
        ({"width": 9}, "width = 9: .*less than or equal to 8"),
        ({"threshold": 7}, "threshold 7 is out of range: judge verifier, 0 to 1"),
        ({"mode": "specreason", "threshold": 9.5}, "threshold 9.5 is out of range: SpecReason score, 0 to 9"),
        ({"mode": "telepathy"}, "mode = 'telepathy': .*'autoregressive'"),
        ({"temperature": -1}, "temperature = -1"),
        ({"seed": 2**31}, "seed = 2147483648"),
        ({"max_tokens": 0}, "max_tokens = 0"),
    ],
)
def test_a_setting_out_of_range_is_refused_with_its_value(overrides: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_settings(RunSettings(), overrides)


def test_settings_left_out_keep_the_profile_s_and_a_threshold_stays_with_its_scheme() -> None:
    base = RunSettings(lookahead=5, verifier=VerifierKind.EMBEDDING, threshold=0.9)
    assert parse_settings(base, {"lookahead": None, "width": 2}) == base.model_copy(update={"width": 2})
    assert parse_settings(base, {"verifier": "judge"}).effective_threshold == 0.5
    assert parse_settings(base, {"verifier": "cascade"}).effective_threshold == 0.9
    assert parse_settings(base, {"mode": "specreason"}).effective_threshold == 7.0
    assert parse_settings(base, {"mode": "specreason", "threshold": 8}).effective_threshold == 8.0


def test_prompts() -> None:
    assert check_prompt("  two and two \n") == "two and two"
    awkward = "<b>&amp;</b> ${x} \\frac{1}{2} {{y}} [bold]"
    assert check_prompt(awkward) == awkward
    assert len(check_prompt("a" * MAX_PROMPT_CHARACTERS)) == MAX_PROMPT_CHARACTERS
    with pytest.raises(ConfigError, match="prompt is empty"):
        check_prompt(" \n\t ")
    with pytest.raises(ConfigError, match="200,000 characters, at most 50,000"):
        check_prompt("a" * 200_000)
    with pytest.raises(ConfigError, match="not valid Unicode"):
        check_prompt("half a pair: \ud83d")
