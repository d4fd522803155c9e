"""Which runs may be measured at the same time, decided from the profile alone."""

import pytest

from lr_demo.config import Mode, Profile, RunSettings, VerifierKind, load_profile, parse_profile
from lr_demo.runs.baselines import baseline_settings
from lr_demo.runs.replicas import in_order, share_out

GPUS = """
name: gpus
description: a plain and a speculative target, each on two GPUs; draft and judge on one each
servers:
  target: {engine: vllm, model: org/target, gpus: [0, 1], tensor_parallel_size: 2}
  speculative: {engine: vllm, model: org/target, gpus: [2, 3], tensor_parallel_size: 2, speculation: {method: ngram}}
  draft: {engine: vllm, model: org/draft, gpus: [4]}
  judge: {engine: vllm, model: org/judge, gpus: [5]}
roles: {target: target, speculative_target: speculative, draft: draft, judge: judge}
embedder: all-minilm-l6-v2
"""
BOTH = RunSettings(mode=Mode.LOOKAHEAD_SPECULATIVE, verifier=VerifierKind.JUDGE)
SPECULATIVE = RunSettings(mode=Mode.SPECULATIVE)


def profile(*changes: tuple[str, str]) -> Profile:
    text = GPUS
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return parse_profile(text, "gpus.yaml")


def can_run_at_once(profile: Profile, settings: RunSettings) -> bool:
    """Whether a run and its baseline are measured in one turn."""
    return share_out(profile, [baseline_settings(settings), settings]) == [[0, 1]]


def in_mode(mode: Mode) -> RunSettings:
    return BOTH.model_copy(update={"mode": mode})


def test_runs_join_the_first_turn_in_which_no_device_works_twice() -> None:
    modes = [Mode.AUTOREGRESSIVE, Mode.LOOKAHEAD, Mode.SPECULATIVE, Mode.LOOKAHEAD_SPECULATIVE]
    assert share_out(profile(), [in_mode(mode) for mode in modes]) == [[0, 2], [1], [3]]
    assert share_out(load_profile("laptop"), [in_mode(modes[0]), in_mode(modes[1])]) == [[0], [1]]


def test_devices_are_named_in_the_order_of_their_numbers() -> None:
    assert in_order({"GPU 10", "processor", "GPU 2"}) == ["GPU 2", "GPU 10", "processor"]


def test_servers_on_gpus_of_their_own_run_at_once() -> None:
    assert can_run_at_once(profile(), BOTH)
    assert can_run_at_once(profile(), SPECULATIVE)


@pytest.mark.parametrize("mode", [Mode.LOOKAHEAD, Mode.SPECREASON, Mode.AUTOREGRESSIVE])
def test_a_mode_on_the_plain_target_has_the_baseline_s_server(mode: Mode) -> None:
    assert not can_run_at_once(profile(), RunSettings(mode=mode))


def test_targets_that_share_one_gpu_take_turns() -> None:
    shared = profile(
        ("gpus: [2, 3]", "gpus: [1, 2], gpu_memory_utilization: 0.4"),
        ("gpus: [0, 1]", "gpus: [0, 1], gpu_memory_utilization: 0.4"),
    )
    assert not can_run_at_once(shared, BOTH)


@pytest.mark.parametrize(("role", "place"), [("draft", "gpus: [4]"), ("judge", "gpus: [5]")])
def test_a_draft_or_judge_on_a_gpu_of_the_baseline_takes_turns_with_it(role: str, place: str) -> None:
    crowded = profile(
        (place, "gpus: [0], gpu_memory_utilization: 0.1"),
        ("gpus: [0, 1]", "gpus: [0, 1], gpu_memory_utilization: 0.8"),
    )
    assert not can_run_at_once(crowded, BOTH)
    assert can_run_at_once(crowded, SPECULATIVE), f"the {role} has no part in SD"


def test_a_judge_that_is_the_plain_target_counts_only_where_it_judges() -> None:
    judged_by_target = profile(("judge: judge}", "judge: target}"))
    assert not can_run_at_once(judged_by_target, BOTH)
    assert can_run_at_once(judged_by_target, BOTH.model_copy(update={"verifier": VerifierKind.EXACT}))


def test_servers_on_the_processor_share_it() -> None:
    text = """
name: processor
description: two llama.cpp servers
servers:
  target: {engine: llama.cpp, model: m}
  speculative: {engine: llama.cpp, model: m, speculation: {method: ngram}}
roles: {target: target, speculative_target: speculative}
"""
    assert not can_run_at_once(parse_profile(text, "processor.yaml"), SPECULATIVE)


def test_embedding_takes_the_processor_which_a_baseline_on_gpus_does_not_need() -> None:
    embedding = BOTH.model_copy(update={"verifier": VerifierKind.EMBEDDING})
    assert can_run_at_once(profile(), embedding)
    on_processor = profile(
        ("{engine: vllm, model: org/target, gpus: [0, 1], tensor_parallel_size: 2}", "{engine: llama.cpp, model: m}")
    )
    assert can_run_at_once(on_processor, BOTH)
    assert not can_run_at_once(on_processor, embedding)


def test_where_an_endpoint_computes_is_not_known() -> None:
    remote = profile(
        (
            "{engine: vllm, model: org/judge, gpus: [5]}",
            "{engine: endpoint, model: m, base_url: 'http://127.0.0.1:1/v1'}",
        )
    )
    assert not can_run_at_once(remote, BOTH)
    assert can_run_at_once(remote, SPECULATIVE)


def test_the_simulated_profile_has_a_device_for_every_server() -> None:
    assert can_run_at_once(load_profile("simulated"), BOTH)
    assert not can_run_at_once(load_profile("simulated"), RunSettings(mode=Mode.LOOKAHEAD))


@pytest.mark.parametrize("name", ["cpu", "laptop"])
def test_a_profile_on_the_processor_takes_turns(name: str) -> None:
    assert not can_run_at_once(load_profile(name), BOTH)
