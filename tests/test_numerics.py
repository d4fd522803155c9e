"""Greedy answers that are not plain decoding's: found, asked for again, and told whether the engine explains them."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest

from lr_demo.benchmark.numerics import Pair, app, as_table, explain
from lr_demo.benchmark.problems import app as problems
from lr_demo.benchmark.schemes import Scheme
from lr_demo.cli.program import run_program
from lr_demo.models.protocol import Chunk, GenerationRequest, Message
from lr_demo.models.simulated import SimulatedModel, Vocabulary
from lr_demo.models.story import SeededStory, Voice
from lr_demo.models.virtual_time import run_virtual
from tests.runs.simulated_profile import TEXT

QUESTION, SYSTEM, PLACE = "How many?", "Think.", 4


class Wavering(SimulatedModel):
    """Writes another token at one place while it writes something else, too."""

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[Chunk, None]:
        place = len(await self.chat_prompt([Message("system", SYSTEM), Message("user", QUESTION)])) + PLACE
        written = len(request.prompt)
        async with aclosing(super().generate(request)) as chunks:
            async for chunk in chunks:
                if written == place and self.in_flight > 2:
                    chunk = replace(chunk, token_ids=(self.words.token(" other"),), text=" other")
                written += len(chunk.token_ids)
                yield chunk


def model() -> Wavering:
    return Wavering("target", SeededStory(3, 12), Voice.TARGET, Vocabulary("words"), 0.01)


async def answer_of(target: SimulatedModel) -> str:
    prompt = await target.chat_prompt([Message("system", SYSTEM), Message("user", QUESTION)])
    return "".join([chunk.text async for chunk in target.generate(GenerationRequest(prompt, 100))])


def test_a_token_that_the_target_writes_itself_beside_others_is_explained() -> None:
    target = model()
    plain = run_virtual(answer_of(target))
    tokens = [target.words.text(token) for token in target.words.encode(plain)]
    other = "".join([*tokens[:PLACE], " other", *tokens[PLACE + 1 :]])
    found = run_virtual(explain(target, Pair(QUESTION, Scheme.SD_DRAFTED, other, plain), SYSTEM))
    assert found.shared == PLACE
    assert {way: each.text for way, each in found.written.items()} == {
        "read": tokens[PLACE],
        "alone": tokens[PLACE],
        "beside 1": tokens[PLACE],
        "beside 3": " other",
        "beside 7": " other",
    }
    assert found.explained
    assert found.gap is not None
    assert target.in_flight == 0


@pytest.mark.parametrize("change", ["instead", "cut", "longer"])
def test_a_token_that_the_target_never_writes_is_not_explained(change: str) -> None:
    target = model()
    plain = run_virtual(answer_of(target))
    answer = {"instead": "Nonsense", "cut": plain[:-1], "longer": plain + " 7"}[change]
    found = run_virtual(explain(target, Pair(QUESTION, Scheme.LR_EXACT, answer, plain), SYSTEM))
    assert not found.explained
    assert found.gap is None
    assert as_table([found], "").row_count == 1


@pytest.fixture
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Greedy rows of a simulated profile, beside the profile `quick.yaml`."""
    monkeypatch.setenv("LOOKAHEAD_LIVE_HOME", str(tmp_path / "home"))
    (tmp_path / "p.jsonl").write_text('{"question": "How many?", "answer": "1"}\n')
    (tmp_path / "quick.yaml").write_text(TEXT)
    return record(tmp_path, "--scheme", "ar", "--scheme", "lr-exact", "--temperature", "0")


def record(folder: Path, *options: str) -> Path:
    files = [str(folder / "p.jsonl"), "--profile", str(folder / "quick.yaml"), "--rows", str(folder / "rows.jsonl")]
    assert run_program([*files, *options], problems) == 0
    return folder / "rows.jsonl"


def check(rows: Path) -> int:
    return run_program([str(rows), "--profile", str(rows.parent / "quick.yaml")], app)


def test_equal_answers_need_no_explanation(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(recorded) == 0
    assert "1 answers compared: all are plain decoding's" in capsys.readouterr().out


def test_an_answer_that_nothing_explains_is_told_and_ends_with_1(
    recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain, exact = recorded.read_text().splitlines()
    recorded.write_text(f"{plain}\n{exact.replace('boxed', 'dozen')}\n")
    assert check(recorded) == 1
    assert "1 differ, 0 explained" in capsys.readouterr().out


def test_answers_that_were_drawn_are_refused_in_a_sentence(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = record(recorded.parent, "--scheme", "ar", "--temperature", "0.6")
    assert check(rows) == 2
    assert "--temperature 0" in capsys.readouterr().err


def test_rows_without_plain_ones_are_refused_in_a_sentence(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recorded.write_text(recorded.read_text().splitlines()[1])
    assert check(recorded) == 2
    assert "record --scheme ar, too" in capsys.readouterr().err
