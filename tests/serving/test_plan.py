"""A plan places servers, counts their memory, and refuses what cannot run with the reason."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from lr_demo.config import PROFILES_FOLDER, load_profile, parse_profile, profile_names
from lr_demo.serving import launch_vllm
from lr_demo.serving.cache import Cache
from lr_demo.serving.catalogue import CATALOGUE
from lr_demo.serving.config_json import Architectures
from lr_demo.serving.placement import GIB, H100_GIB, GpuSupply
from lr_demo.serving.plan import Plan, ServerPlan, make_plan
from lr_demo.serving.vllm_options import OptionCheck, check_options
from tests.serving.plans import GOOD, knows_every_option, planned

pytestmark = pytest.mark.usefixtures("no_hub_and_no_gpu_build")
ON_GPUS = ("h100x1", "h100x4", "h100x8", "r1-h100x4")


def the_server(plan: Plan, name: str) -> ServerPlan:
    return next(server for server in plan.servers if server.name == name)


def in_gib(size: int) -> float:
    return size / GIB


@pytest.mark.parametrize("name", [name for name in profile_names() if name not in ("cpu", "laptop")])
def test_every_shipped_profile_fits_the_hardware_it_is_for(name: str, tmp_path: Path) -> None:
    plan = planned(load_profile(name), tmp_path)
    assert plan.fits, plan.every_refusal
    assert all(server.memory is not None for server in plan.servers if server.command is not None)


@pytest.mark.parametrize(
    ("name", "features", "gigabytes"),
    [("laptop", (), 8), ("cpu", ("avx512_bf16",), 12), ("cpu", (), 16)],
    ids=["laptop", "cpu in bfloat16", "cpu in float32"],
)
def test_the_profiles_for_processors_fit_a_usual_machine(
    name: str, features: tuple[str, ...], gigabytes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch_vllm, "processor", lambda: ("a processor", features))
    plan = planned(load_profile(name), tmp_path, gpus=0, memory=gigabytes * 10**9)
    assert plan.fits, plan.every_refusal
    assert not any(server.gpus for server in plan.servers)


def test_a_server_on_demand_that_has_no_room_beside_the_others_is_told_not_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch_vllm, "processor", lambda: ("one that has no bfloat16", ()))
    cpu = load_profile("cpu")
    second = cpu.servers["target"].model_copy(update={"on_demand": True})
    both = cpu.model_copy(update={"servers": {**cpu.servers, "second": second}})
    plan = planned(both, tmp_path, gpus=0, memory=16 * 10**9)
    assert any("with those that start on demand, the servers on the processor do not fit" in n for n in plan.notes)
    assert not planned(both, tmp_path, gpus=0, memory=64 * 10**9).notes


@pytest.mark.parametrize("name", ON_GPUS)
def test_the_profiles_for_gpus_fit_the_smallest_card_they_are_chosen_for(name: str, tmp_path: Path) -> None:
    assert planned(load_profile(name), tmp_path, gib=75.0).fits


@pytest.mark.parametrize("name", ON_GPUS)
def test_answers_of_32k_tokens_have_room_in_every_role_that_writes_them(name: str) -> None:
    profile = load_profile(name)
    assert profile.defaults.max_tokens == 32768
    for role in (profile.roles.target, profile.roles.speculative_target, profile.roles.draft):
        server = profile.servers[role or ""]
        assert server.engine == "vllm"
        assert server.max_model_len >= profile.defaults.max_tokens + 4096
        assert server.max_num_seqs >= profile.defaults.parallel_budget


def test_on_a_processor_the_ends_of_a_model_count_twice(tmp_path: Path) -> None:
    """Measured in float32, with an output layer of its own: 12.1 GB, and 0.9 GB of the process that answers."""
    model = tmp_path / "model"
    model.mkdir()
    shape = json.loads((PROFILES_FOLDER / "models" / "Qwen2.5-Coder-1.5B-Instruct.json").read_text())
    (model / "config.json").write_text(json.dumps({**shape, "tie_word_embeddings": False}))
    profile = parse_profile(
        f"""
name: own
description: one model on the processor
servers: {{target: {{engine: vllm, model: {model}, dtype: float32, kv_cache_gib: 2}}}}
roles: {{target: target}}
""",
        "own.yaml",
    )
    memory = the_server(planned(profile, tmp_path, gpus=0), "target").memory
    assert memory is not None
    ends = 2 * 151936 * 1536
    assert memory.weights == pytest.approx((1.54e9 + ends / 2 + ends) * 4, rel=0.01)
    assert memory.room == pytest.approx(13.0e9, rel=0.03)


def test_a_race_on_eight_gpus_has_both_targets_on_cards_of_their_own(tmp_path: Path) -> None:
    plan = planned(load_profile("h100x8"), tmp_path)
    placed = {server.name: server.gpus for server in plan.servers}
    assert placed == {"target": (0, 1), "target-sd": (2, 3), "draft": (4,), "judge": (5,)}


def test_on_four_gpus_the_speculative_target_shares_its_cards_with_nobody(tmp_path: Path) -> None:
    for name in ("h100x4", "r1-h100x4"):
        placed = {server.name: set(server.gpus) for server in planned(load_profile(name), tmp_path).servers}
        alone = placed.pop("target-sd")
        assert all(alone.isdisjoint(gpus) for gpus in placed.values())
        assert placed["draft"].isdisjoint(placed["judge"])


def test_memory_is_weights_cache_and_an_allowance_against_the_share(tmp_path: Path) -> None:
    memory = the_server(planned(parse_profile(GOOD, "good.yaml"), tmp_path), "target").memory
    assert memory is not None
    assert in_gib(memory.room) == pytest.approx(0.9 * H100_GIB, abs=0.01)
    assert in_gib(memory.weights) == pytest.approx(30.5, abs=0.1)  # half of 32.8 billion numbers of two bytes
    assert memory.token == 64 * 2 * 4 * 128 * 2  # layers, keys and values, half of the KV heads, their size, bytes
    assert memory.tokens_needed == 40960 + 7 * 2 * 512
    assert memory.tokens_given == (memory.room - memory.weights - memory.allowance) // memory.token


def test_without_prefix_caching_every_sequence_has_its_whole_context(tmp_path: Path) -> None:
    text = GOOD.replace("    max_model_len: 40960\n    speculation", "    max_model_len: 20480\n    speculation", 1)
    off = text.replace("  draft:\n", "  draft:\n    prefix_caching: false\n", 1)
    memory = the_server(planned(parse_profile(off, "good.yaml"), tmp_path), "draft").memory
    assert memory is not None
    assert memory.tokens_needed == 8 * 40960


def test_a_replica_of_data_parallelism_holds_its_part_of_the_requests(tmp_path: Path) -> None:
    spread = GOOD.replace("gpus: [2]", "gpus: [2, 3]\n    data_parallel_size: 2")
    memory = the_server(planned(parse_profile(spread, "good.yaml"), tmp_path), "draft").memory
    assert memory is not None
    assert memory.tokens_needed == 40960 + 3 * 2 * 512


def test_a_model_that_proposes_tokens_is_counted_with_its_target(tmp_path: Path) -> None:
    drafting = GOOD.replace("method: ngram", "method: draft_model\n      model: Qwen/Qwen3-0.6B").replace(
        "      lookup: 2\n", ""
    )
    alone, both = (
        the_server(planned(parse_profile(text, "good.yaml"), tmp_path), "target").memory for text in (GOOD, drafting)
    )
    assert alone is not None
    assert both is not None
    assert in_gib(both.weights - alone.weights) == pytest.approx(0.56, abs=0.01)
    assert both.token > alone.token


def test_llama_cpp_holds_the_model_that_proposes_too(tmp_path: Path) -> None:
    text = (PROFILES_FOLDER / "laptop.yaml").read_text()
    drafting = text.replace(
        "    threads: 2\n",
        "    threads: 2\n    speculation: {method: draft_model, model: qwen2.5-coder-0.5b}\n",
        1,
    )
    alone, both = (
        the_server(planned(parse_profile(profile, "p.yaml"), tmp_path, gpus=0), "target")
        for profile in (text, drafting)
    )
    assert alone.memory is not None
    assert both.memory is not None
    assert both.memory.weights - alone.memory.weights == CATALOGUE["qwen2.5-coder-0.5b"].size
    assert both.command is not None
    assert any(word.startswith("--proposer=") and word.endswith("q4_k_m.gguf") for word in both.command.argv)


def test_a_plan_has_the_command_that_a_start_uses(tmp_path: Path) -> None:
    plan = planned(parse_profile(GOOD, "good.yaml"), tmp_path)
    command = the_server(plan, "target").command
    assert command is not None
    assert command.environment["CUDA_VISIBLE_DEVICES"] == "0,1"
    assert command.argv[command.argv.index("--model") + 1] == "Qwen/Qwen3-32B"
    assert json.loads(command.argv[command.argv.index("--speculative-config") + 1])["method"] == "ngram"


def test_a_gpu_that_others_hold_is_said(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    supply = GpuSupply((80 * GIB,) * 3, "for the test", free=(10 * GIB, 79 * GIB, 79 * GIB))
    profile = parse_profile(GOOD, "good.yaml")
    plan = make_plan(profile, supply, GIB, cache, Architectures(cache), knows_every_option)
    (note,) = the_server(plan, "target").notes
    assert note.startswith("10.0 GiB of GPU 0 are free now, and vLLM does not start with less than its share of 72.0")
    assert the_server(plan, "draft").notes == ()


def test_what_runs_already_or_is_simulated_is_not_started(tmp_path: Path) -> None:
    judge = the_server(planned(parse_profile(GOOD, "good.yaml"), tmp_path), "judge")
    assert judge.command is None
    assert judge.place == "runs already at http://node:8000/v1"
    simulated = planned(load_profile("simulated"), tmp_path)
    assert {server.place for server in simulated.servers} == {"simulated: no model is loaded"}


def test_a_model_nobody_knows_is_planned_without_a_word_on_its_memory(tmp_path: Path) -> None:
    plan = planned(parse_profile(GOOD.replace("Qwen/Qwen3-1.7B", "someone/unheard-of"), "good.yaml"), tmp_path)
    draft = the_server(plan, "draft")
    assert (draft.memory, draft.refusals) == (None, ())
    assert "its memory was not checked: its config.json is not in the hub's cache" in draft.notes[0]
    assert plan.fits


def test_options_that_could_not_be_checked_are_said(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    profile = parse_profile(GOOD, "good.yaml")

    def nobody_to_ask(command_lines: Sequence[Sequence[str]]) -> OptionCheck:
        return OptionCheck((None,) * len(command_lines), "vLLM is not installed here")

    supply = GpuSupply((80 * GIB,) * 4, "for the test")
    plan = make_plan(profile, supply, GIB, cache, Architectures(cache), nobody_to_ask)
    assert plan.notes == ("vLLM's options were not checked: vLLM is not installed here",)
    assert plan.fits


@pytest.mark.vllm
def test_vllm_s_own_parser_takes_the_arguments_of_every_shipped_profile(tmp_path: Path) -> None:
    asked: list[Sequence[str]] = []

    def collect(command_lines: Sequence[Sequence[str]]) -> OptionCheck:
        asked.extend(command_lines)
        return OptionCheck((None,) * len(command_lines))

    cache = Cache(tmp_path)
    supply = GpuSupply((80 * GIB,) * 8, "for the test")
    for name in profile_names():
        make_plan(load_profile(name), supply, 64 * GIB, cache, Architectures(cache), collect)
    assert len(asked) >= 17
    wrong = [[*asked[0], "--no-such-option"], [*asked[0], "--speculative-config", '{"tokens": 3}']]
    found = check_options([*asked, *wrong])
    if found.unchecked:
        pytest.skip(found.unchecked)
    assert found.mistakes[:-2] == (None,) * len(asked)
    assert found.mistakes[-2:] == (
        "unrecognized arguments: --no-such-option",
        "--speculative-config has no tokens",
    )
