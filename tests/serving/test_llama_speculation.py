"""What a profile says of token-level speculation reaches llama.cpp, and the weights it needs are asked for."""

import asyncio
from pathlib import Path

import pytest

from lr_demo.config import DraftModelSpeculation, LlamaCppServer, NgramSpeculation, Profile, RoleMap
from lr_demo.errors import WeightsError
from lr_demo.serving import fleet as fleets
from lr_demo.serving.fleet import Fleet
from lr_demo.serving.launch import launch_llama_cpp
from tests.serving.small_models import NOWHERE, small_entry

PLAIN = LlamaCppServer(engine="llama.cpp", model="m")
NGRAM = PLAIN.model_copy(update={"speculation": NgramSpeculation(method="ngram", tokens=6, lookup=2)})
DRAFT = PLAIN.model_copy(update={"speculation": DraftModelSpeculation(method="draft_model", model="small", tokens=4)})


def arguments(config: LlamaCppServer, proposer: Path | None = None) -> set[str]:
    return set(launch_llama_cpp(config, "m", Path("m.gguf"), 0, proposer).command.argv)


def test_a_plain_server_proposes_nothing() -> None:
    assert "--proposals=0" in arguments(PLAIN)


def test_n_gram_speculation_has_its_two_numbers_and_no_model() -> None:
    assert {"--proposals=6", "--lookup=2", "--proposer="} <= arguments(NGRAM)


def test_a_draft_model_is_told_by_its_file() -> None:
    assert {"--proposals=4", "--lookup=0", "--proposer=/models/small.gguf"} <= arguments(
        DRAFT, Path("/models/small.gguf")
    )


def test_the_weights_of_a_draft_model_are_fetched_with_its_servers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleets, "CATALOGUE", {"small": small_entry()})
    monkeypatch.setattr("lr_demo.serving.models.CATALOGUE", {"small": small_entry()})
    target = tmp_path / "m.gguf"
    target.touch()
    profile = Profile(
        name="test",
        description="a draft model inside the target's server",
        servers={"target": DRAFT.model_copy(update={"model": str(target)})},
        roles=RoleMap(target="target"),
    )
    fleet = Fleet(profile, cache=tmp_path / "cache", sources=(NOWHERE,))
    with pytest.raises(WeightsError, match="Small"):
        asyncio.run(fleet.start())
    assert "Small" in fleet.statuses()[0].detail
