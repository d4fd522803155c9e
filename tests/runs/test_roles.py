"""A verifier gets ready before the first run that needs it, and only then."""

import asyncio

import pytest

from lr_demo.config import Mode, RunSettings, VerifierKind, load_profile, parse_profile
from lr_demo.decoding.engine import Cast
from lr_demo.decoding.measuring import Measured
from lr_demo.errors import ModelError
from lr_demo.models.protocol import GREEDY
from lr_demo.prediction import Costs, Pace
from lr_demo.runs.probes import ProbeRecord
from lr_demo.runs.roles import Casting, model_names, server_names
from lr_demo.serving.endpoint import Endpoint
from lr_demo.verification.cascade import CascadeVerifier
from lr_demo.verification.embedding import EmbeddingVerifier
from lr_demo.verification.exact import ExactVerifier
from lr_demo.verification.judge import JudgeVerifier
from tests.runs.test_forecasts import probe_of
from tests.verification.scripted import ScriptedEmbedder, ScriptedJudge

PROFILE = """
name: judged
description: a judge somewhere
servers:
  target: {engine: endpoint, model: m, base_url: "http://127.0.0.1:9/v1"}
roles: {target: target, draft: target, judge: target}
"""


class _Away(ScriptedJudge):
    async def choose(self, prompt: object, choices: object) -> dict[str, float]:
        raise ModelError("away")


class _Server:
    """Is published anew with every start."""

    def __init__(self) -> None:
        self.endpoint = self.start()

    def start(self) -> Endpoint:
        self.endpoint = Endpoint("http://127.0.0.1:9/v1", "vllm", "m", "M", "v", "f")
        return self.endpoint


def test_examples_are_read_once_for_each_start_of_the_judges_server() -> None:
    server, judge = _Server(), ScriptedJudge({"Yes": 0.0})
    casting = Casting(parse_profile(PROFILE, "judged"), lambda _: server.endpoint, lambda _: None, lambda: None)
    judged = Cast(judge, GREEDY, verifier=JudgeVerifier(judge, 0.5))

    async def scenario() -> list[int]:
        read = []
        for begins in (False, False, True, False):
            if begins:
                server.start()
            await casting.warm_up(judged)
            read.append(len(judge.asked))
        await casting.warm_up(Cast(judge, GREEDY, verifier=ExactVerifier()))
        return [*read, len(judge.asked)]

    assert asyncio.run(scenario()) == [1, 1, 2, 2, 2]
    assert "Two students" in judge.asked[0]


def test_the_judge_of_a_cascade_reads_its_examples_too() -> None:
    server, judge = _Server(), ScriptedJudge({"Yes": 0.0})
    casting = Casting(parse_profile(PROFILE, "judged"), lambda _: server.endpoint, lambda _: None, lambda: None)
    cascade = CascadeVerifier(ScriptedEmbedder(), JudgeVerifier(judge, 0.5), 0.95)
    asyncio.run(casting.warm_up(Cast(judge, GREEDY, verifier=cascade)))
    assert len(judge.asked) == 1


def test_the_embedding_model_is_loaded_before_the_first_run_that_embeds_and_no_judge_is_looked_for() -> None:
    def no_judge(_: str) -> Endpoint:
        raise AssertionError("a run that compares embeddings starts no judge")

    casting = Casting(parse_profile(PROFILE, "judged"), no_judge, lambda _: None, lambda: None)
    embedder = ScriptedEmbedder()

    async def scenario() -> list[int]:
        loaded = []
        for _ in range(2):
            await casting.warm_up(Cast(ScriptedJudge({}), GREEDY, verifier=EmbeddingVerifier(embedder, 0.9)))
            loaded.append(len(embedder.asked))
        return loaded

    assert asyncio.run(scenario()) == [1, 1]


def test_a_run_with_the_cascade_is_played_by_the_judge_and_names_the_embedder() -> None:
    profile = load_profile("cpu")
    cascade = RunSettings(verifier=VerifierKind.CASCADE)
    assert "judge" in server_names(profile, cascade)
    assert model_names(profile, cascade)["embedder"] == profile.embedder
    assert "judge" not in server_names(profile, RunSettings(verifier=VerifierKind.EMBEDDING))


def test_before_the_first_run_a_probe_tells_what_the_servers_take() -> None:
    server, asked = _Server(), []
    profile = parse_profile(PROFILE, "judged")
    costs = Costs(Pace(((1, 0.25), (2, 0.5))), Pace(((1, 0.05),)), verdict_s=3.0)
    probe = probe_of(profile).model_copy(update={"costs": costs})

    def find() -> ProbeRecord:
        asked.append(probe)
        return probe

    casting = Casting(profile, lambda _: server.endpoint, lambda _: None, lambda: None, find)
    judged = [casting.cast(RunSettings(mode=Mode.AUTO, verifier=VerifierKind.JUDGE)).memory for _ in range(2)]
    exact = casting.cast(RunSettings(mode=Mode.AUTO, verifier=VerifierKind.EXACT)).memory
    assert judged[0] is judged[1]
    assert len(asked) == 2
    assert Measured(judged[0]).token_s(2) == Measured(exact).token_s(2) == pytest.approx(0.5)
    assert [memory.verdict.value(0.0) for memory in (judged[0], exact)] == pytest.approx([3.0, 0.0])


def test_a_judge_that_is_away_stops_no_run_and_is_tried_again() -> None:
    server, away, back = _Server(), _Away({}), ScriptedJudge({"Yes": 0.0})
    casting = Casting(parse_profile(PROFILE, "judged"), lambda _: server.endpoint, lambda _: None, lambda: None)

    async def scenario() -> None:
        await casting.warm_up(Cast(away, GREEDY, verifier=JudgeVerifier(away, 0.5)))
        await casting.warm_up(Cast(back, GREEDY, verifier=JudgeVerifier(back, 0.5)))

    asyncio.run(scenario())
    assert len(back.asked) == 1
