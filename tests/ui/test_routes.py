"""Our own routes: streams that can be taken up anywhere, races, mathematics, static files."""

import asyncio
import json
from pathlib import Path

import gradio as gr
import httpx
import pytest

from lr_demo.config import Profile, RunSettings
from lr_demo.errors import UserError
from lr_demo.events import Event, from_json_line
from lr_demo.runs.manager import RunManager
from lr_demo.runs.probes import ProbeStore
from lr_demo.ui.routes import MOST_IN_MESSAGE
from lr_demo.ui.server import serve
from lr_demo.ui.static_files import FOLDER, address
from tests.runs.test_forecasts import probe_of
from tests.runs.test_workloads import MODELS, STORY
from tests.ui.recorded import record, record_race


class Message:
    """One server-sent event."""

    def __init__(self, block: str) -> None:
        fields = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line)
        self.kind, self.id, self.data = (
            fields.get("event", ""),
            fields.get("id"),
            json.loads(fields.get("data", "null")),
        )


def messages(url: str, **headers: str) -> list[Message]:
    """All messages of a stream that ends."""
    answer = httpx.get(url, headers=headers, timeout=30)
    assert answer.headers["content-type"].startswith("text/event-stream")
    return [Message(block) for block in answer.text.replace("\r\n", "\n").split("\n\n") if "event:" in block]


def numbers(stream: list[Message]) -> list[int]:
    return [event["seq"] for message in stream if message.kind == "events" for event in message.data]


@pytest.fixture(scope="module")
def events(traces: Path) -> list[Event]:
    return record_race(traces, "lookahead1")


def test_a_run_is_streamed_whole_in_batches_with_ids(site: str, events: list[Event]) -> None:
    stream = messages(f"{site}/runs/lookahead1/events")
    assert numbers(stream) == list(range(len(events)))
    assert all(len(message.data) <= MOST_IN_MESSAGE for message in stream if message.kind == "events")
    assert [message.id for message in stream[:-1]] == [str(message.data[-1]["seq"]) for message in stream[:-1]]
    assert (stream[-1].kind, stream[-1].data) == ("end", {"status": "finished"})
    lines = [json.dumps(event) for message in stream[:-1] for event in message.data]
    assert [from_json_line(line) for line in lines] == events


def test_a_stream_goes_on_after_the_last_event_seen(site: str, events: list[Event]) -> None:
    assert numbers(messages(f"{site}/runs/lookahead1/events?after=10"))[0] == 11
    assert numbers(messages(f"{site}/runs/lookahead1/events?after=10", **{"last-event-id": "20"}))[0] == 21
    assert numbers(messages(f"{site}/runs/lookahead1/events", **{"last-event-id": "rubbish"}))[0] == 0
    assert numbers(messages(f"{site}/runs/lookahead1/events?after={len(events)}")) == []


@pytest.mark.realtime
def test_several_viewers_see_the_same_live_run(site: str, manager: RunManager) -> None:
    race = manager.start("How many?", RunSettings())
    first, second = (messages(f"{site}/runs/{race.id}/events") for _ in range(2))
    assert numbers(first) == numbers(second) == list(range(len(race.run.log)))


def test_an_unknown_run_is_not_found_with_a_sentence(site: str) -> None:
    for path in ("runs/nothere1/events", "races/nothere1", "races/..%2f..%2fetc"):
        answer = httpx.get(f"{site}/{path}")
        assert answer.status_code == 404
        assert len(answer.json()["detail"]) > 5


def test_a_race_is_told_with_its_baseline(site: str, events: list[Event]) -> None:
    race = httpx.get(f"{site}/races/lookahead1").json()
    assert [(lane["id"], lane["kind"], lane["status"], lane["turn"]) for lane in race["lanes"]] == [
        ("lookahead1b", "baseline", "finished", None),
        ("lookahead1", "run", "finished", 0),
    ]
    assert race["recorded"]
    assert race["simulated"]
    assert "γ 3" in race["labels"]


@pytest.mark.parametrize("simulated", [True, False])
def test_an_answer_that_no_model_wrote_is_neither_right_nor_wrong(site: str, traces: Path, simulated: bool) -> None:
    run = f"answer{int(simulated)}"
    record(traces, run, story=STORY, profile="another", simulated=simulated, said={"expected": "-7"})
    (told,) = httpx.get(f"{site}/races/{run}/answers").json()
    assert (told["invented"], told["right"]) == ((True, None) if simulated else (False, False))


def test_a_race_is_predicted_where_its_profile_was_probed(
    site: str, traces: Path, profile: Profile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOOKAHEAD_LIVE_CACHE", str(tmp_path))
    record(traces, "probed1", story=STORY, models=MODELS, profile=profile.name)
    assert httpx.get(f"{site}/races/probed1/prediction").json() is None
    ProbeStore().keep(profile, probe_of(profile))
    told = httpx.get(f"{site}/races/probed1/prediction").json()
    assert told["tokens_per_s"] > 0
    assert told["bottleneck"].startswith("acceptance: ")
    assert told["acceptance_source"].startswith("assumed")
    assert told["simulated"]
    assert httpx.get(f"{site}/races/nothere1/prediction").status_code == 404


def test_the_fleet_is_told_at_once(site: str) -> None:
    with httpx.stream("GET", f"{site}/fleet/events", timeout=10) as answer:
        for line in answer.iter_lines():
            if line.startswith("data: "):
                fleet = json.loads(line.removeprefix("data: "))
                break
    assert {server["state"] for server in fleet["servers"]} == {"ready"}
    assert fleet["error"] is None


def test_mathematics_comes_in_batches_with_null_for_what_is_broken(site: str) -> None:
    batch = [{"latex": "x^2"}, {"latex": r"\frac{1"}, {"latex": r"\frac12", "display": True}]
    trees = httpx.post(f"{site}/math", json=batch).json()
    assert [tree and tree[0] for tree in trees] == ["math", None, "math"]


@pytest.mark.parametrize("batch", [{"latex": "x"}, [{"latex": 7}], [{"latex": "x"}] * 1000])
def test_a_malformed_batch_is_refused(site: str, batch: object) -> None:
    assert httpx.post(f"{site}/math", json=batch).status_code == 422


def test_static_files_are_kept_by_version_and_plotly_by_tag(site: str) -> None:
    script = httpx.get(f"{site}/{address('js/main.js')}")
    assert "immutable" in script.headers["cache-control"]
    assert script.headers["content-type"].startswith("text/javascript")
    assert httpx.get(f"{site}/live-static/older/js/main.js").headers["cache-control"] == "no-store"
    assert httpx.get(f"{site}/live-static/x/..%2f..%2flook.py").status_code == 404
    plotly = httpx.get(f"{site}/live-static/plotly.js")
    assert "plotly.js" in plotly.text[:40]
    again = httpx.get(f"{site}/live-static/plotly.js", headers={"if-none-match": plotly.headers["etag"]})
    assert again.status_code == 304


def test_the_page_refers_to_nothing_outside(site: str) -> None:
    page = httpx.get(f"{site}/").text
    assert "fonts.googleapis" not in page
    assert "cdn" not in page.lower()


def test_our_scripts_never_parse_markup() -> None:
    for script in FOLDER.rglob("*.js"):
        source = script.read_text()
        for forbidden in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "DOMParser", "eval("):
            assert forbidden not in source, f"{script.name} uses {forbidden}"


def test_gradio_has_the_pauses_that_are_made_longer_so_that_an_idle_page_leaves_the_processor_alone() -> None:
    async def pauses() -> set[str]:
        return {name for name in vars(gr.Blocks()._queue) if "sleep_when_free" in name}  # it wants a running loop

    assert asyncio.run(pauses()) == {"sleep_when_free", "progress_update_sleep_when_free"}


def test_a_port_in_use_is_said_in_a_sentence(site: str, manager: RunManager) -> None:
    port = int(site.rpartition(":")[2])
    with pytest.raises(UserError, match=f"port {port} on 127.0.0.1 is in use.*--port"):
        serve(manager, host="127.0.0.1", port=port)


def test_an_address_that_is_none_is_said_in_a_sentence(manager: RunManager) -> None:
    with pytest.raises(UserError, match=r"cannot listen on .*:70000"):
        serve(manager, host="127.0.0.1", port=70000)


@pytest.mark.parametrize(
    ("ending", "kind"),
    [("jsonl", "application/x-ndjson"), ("perfetto.json", "application/json"), ("html", "text/html; charset=utf-8")],
)
def test_a_run_is_saved_in_each_form_under_a_name_of_its_own(
    site: str, events: list[Event], ending: str, kind: str
) -> None:
    answer = httpx.get(f"{site}/exports/lookahead1.{ending}")
    assert answer.headers["content-type"] == kind
    assert answer.headers["content-disposition"] == f'attachment; filename="lookahead-lookahead1.{ending}"'
    if ending == "jsonl":
        assert [from_json_line(line) for line in answer.text.splitlines()] == events


@pytest.mark.parametrize("name", ["nothere1.html", "lookahead1.pdf", "lookahead1", "..%2fsecret.jsonl"])
def test_what_cannot_be_saved_is_said_in_a_sentence(site: str, events: list[Event], name: str) -> None:
    answer = httpx.get(f"{site}/exports/{name}")
    assert answer.status_code == 404
    assert len(answer.json()["detail"]) > 5
