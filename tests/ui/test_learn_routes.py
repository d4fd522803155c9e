"""The routes of the Learn page: lessons with their events, and the theory for any numbers that are in range."""

import httpx
import pytest

from lr_demo.events import from_json_line
from lr_demo.theory import speculative
from lr_demo.ui.lessons import Lessons
from lr_demo.ui.theory_view import TheoryQuery, theory_view

NUMBERS: dict[str, str | int | float] = {
    "alpha1": 0.55, "cost1": 0.2, "steps": 5, "alpha2": 0.6, "cost2": 0.05, "tokens": 3,
    "budget": 16, "schedule": "sync", "rate": 50, "answer": 1000,
}  # fmt: skip


def test_a_lesson_comes_with_its_stages_and_every_event(site: str) -> None:
    for line in httpx.get(f"{site}/learn/lessons").json():
        answer = httpx.get(f"{site}/learn/lessons/{line['key']}")
        content = answer.json()
        assert content["lesson"]["title"] == line["title"]
        assert len(content["lesson"]["stages"]) == len(Lessons().stages(line["key"]))
        assert len(content["events"]) == len(Lessons().events(line["key"]))
        assert content["events"][-1]["type"] == "run_finished"
        begin = answer.text.index('"events":[') + len('"events":[')
        first = answer.text[begin : answer.text.index('},{"run"', begin) + 1]
        assert from_json_line(first) == Lessons().events(line["key"])[0]


def test_an_unknown_lesson_is_refused_in_a_sentence(site: str) -> None:
    answer = httpx.get(f"{site}/learn/lessons/..%2Fsecret")
    assert answer.status_code == 404
    answer = httpx.get(f"{site}/learn/lessons/nothing")
    assert (answer.status_code, "no lesson 'nothing'" in answer.json()["detail"]) == (404, True)


def test_the_theory_answers_with_schemes_and_five_figures(site: str) -> None:
    content = httpx.get(f"{site}/learn/theory", params=NUMBERS).json()
    assert set(content["figures"]) == {"steps", "tokens", "map", "acceptance", "products"}
    assert all(figure["data"] and figure["layout"] for figure in content["figures"].values())
    assert [row["scheme"] for row in content["view"]["schemes"]] == ["AR", "SD", "LR", "LR+SD", "LR+SD, best"]


@pytest.mark.parametrize(
    "wrong",
    [{"alpha1": 1.1}, {"cost1": 0}, {"steps": 65}, {"budget": 0}, {"rate": "nan"}, {"rate": "inf"}, {"more": 1}],
    ids=str,
)
def test_numbers_out_of_range_are_refused(site: str, wrong: dict[str, str | int | float]) -> None:
    assert httpx.get(f"{site}/learn/theory", params={**NUMBERS, **wrong}).status_code == 422


def test_schemes_are_at_the_reader_s_speed_and_say_whether_they_fit() -> None:
    view = theory_view(TheoryQuery.model_validate(NUMBERS))
    plain, sd, lr, both, best = view.schemes
    assert (plain.tokens_per_s, plain.seconds) == (50, 20)
    assert sd.speedup == pytest.approx(speculative(TheoryQuery.model_validate(NUMBERS).setting().tokens, 3))
    assert both.speedup == pytest.approx(lr.speedup * sd.speedup)
    assert both.seconds == pytest.approx(20 / both.speedup)
    assert (lr.sequences, both.sequences, both.fits) == (5, 15, True)
    assert best.fits
    assert best.speedup >= both.speedup
    assert not theory_view(TheoryQuery.model_validate({**NUMBERS, "budget": 14})).schemes[3].fits
