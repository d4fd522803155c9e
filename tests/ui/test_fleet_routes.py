"""The Fleet page's routes: figures, logs, profiles; restart and switch, for our own pages only."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from lr_demo.config import Profile, RunSettings, VllmServer, parse_profile
from lr_demo.runs.manager import RunManager
from lr_demo.ui.fleet_views import device_in_words
from tests.runs.simulated_profile import quick_profile, slow_profile
from tests.runs.stub_endpoint import StubEndpoint, stub_endpoint
from tests.runs.watching import until_fleet, until_running, wait
from tests.ui.site import serving

pytestmark = pytest.mark.realtime


@pytest.fixture(scope="module")
def stub() -> Iterator[StubEndpoint]:
    with stub_endpoint() as stub:
        yield stub


@pytest.fixture(scope="module")
def profile(stub: StubEndpoint) -> Profile:
    return stub.profile("simulated")  # the name of a profile that ships, which it stands in front of


Message = dict[str, Any]


def first(url: str, kind: str, fits: Callable[[Message], bool] = bool) -> Message:
    """The first message of a stream that is of this kind and fits."""
    with httpx.stream("GET", url, timeout=20) as answer:
        answer.raise_for_status()
        event = ""
        for line in answer.iter_lines():
            if line.startswith("event: "):
                event = line.removeprefix("event: ")
            if line.startswith("data: ") and event == kind:
                message: Message = json.loads(line.removeprefix("data: "))
                if fits(message):
                    return message
    raise AssertionError("the stream ended")


def test_a_server_is_told_with_what_it_runs_on(site: str, manager: RunManager) -> None:
    until_fleet(manager, lambda view: view.ready)
    message = first(f"{site}/fleet/events", "fleet")
    assert message["ending"] is None
    (server,) = message["servers"]
    assert server["addresses"] == []
    assert (server["name"], server["state"], server["device"]) == ("target", "ready", "runs elsewhere")
    assert not server["restartable"]
    assert not server["has_log"]


def test_figures_are_told_with_the_servers_names(site: str, manager: RunManager) -> None:
    until_fleet(manager, lambda view: view.ready)

    def answered(message: Message) -> bool:
        return any(server["figures"] for server in message["servers"])

    (server,) = first(f"{site}/fleet/telemetry", "telemetry", answered)["servers"]
    assert server["name"] == "target"
    figures = server["figures"]
    assert (figures["running"], figures["waiting"], figures["kv_cache"]) == (2, 1, 0.25)
    assert (figures["hit_rate"], figures["speculation"]["length"]) == (0.64, 2.5)


def test_each_of_several_addresses_is_told_with_its_state_and_figures(stub: StubEndpoint, tmp_path: Path) -> None:
    here, nobody = f"http://127.0.0.1:{stub.port}/v1", "http://127.0.0.1:9/v1"
    text = f"""
name: spread
description: one server at two addresses of which one answers
servers: {{target: {{engine: endpoint, model: stub, base_url: ["{nobody}", "{here}"]}}}}
roles: {{target: target}}
"""
    with RunManager(parse_profile(text, "spread.yaml"), tmp_path, hardware="a test machine") as manager:
        until_fleet(manager, lambda view: view.ready)
        with serving(manager) as site:
            (server,) = first(f"{site}/fleet/events", "fleet")["servers"]
            told = [(each["address"], each["state"]) for each in server["addresses"]]
            assert told == [(nobody, "failed"), (here, "ready")]
            assert (
                f"left out until the next start: stub does not answer at {nobody}" in server["addresses"][0]["problem"]
            )

            def answered(message: Message) -> bool:
                return any(server["figures"] for server in message["servers"])

            (reading,) = first(f"{site}/fleet/telemetry", "telemetry", answered)["servers"]
            (address,) = reading["addresses"]
            assert (address["address"], address["answers"], address["running"]) == (here, True, 2)
            assert reading["figures"]["running"] == 2


def test_the_profiles_to_choose_from_are_those_that_ship_and_the_one_it_began_with(site: str) -> None:
    answer = httpx.get(f"{site}/fleet/profiles").json()
    choices = {choice["name"]: choice for choice in answer["choices"]}
    assert {"cpu", "laptop", "simulated"} <= choices.keys()
    assert choices["simulated"]["profile"]["description"] == "a server that runs already"
    assert answer["active_runs"] == 0


@pytest.mark.parametrize("name", ["nosuch", "../configs/cpu", "configs/cpu.yaml", "/etc/passwd", ""])
def test_only_a_profile_by_its_name_can_be_switched_to(site: str, manager: RunManager, name: str) -> None:
    answer = httpx.post(f"{site}/fleet/switch", json={"profile": name})
    assert answer.status_code == 404
    assert "there is no profile" in answer.json()["detail"]
    assert manager.profile.description == "a server that runs already"


@pytest.mark.parametrize("path", ["switch", "restart"])
def test_what_another_site_sends_is_refused(site: str, path: str) -> None:
    body = {"profile": "simulated", "server": "target"}
    for origin in ("cross-site", "same-site"):
        answer = httpx.post(f"{site}/fleet/{path}", json=body, headers={"sec-fetch-site": origin})
        assert answer.status_code == 403


def test_what_cannot_be_restarted_is_refused_in_a_sentence(site: str) -> None:
    answer = httpx.post(f"{site}/fleet/restart", json={"server": "target"})
    assert answer.status_code == 409
    assert "was not started by this program" in answer.json()["detail"]
    assert httpx.post(f"{site}/fleet/restart", json={"server": "<b>"}).status_code == 409
    assert httpx.post(f"{site}/fleet/restart", json={}).status_code == 422


def test_a_log_that_is_not_there_is_said(site: str) -> None:
    for name in ("target", "nobody", "..%2f..%2fetc%2fpasswd"):
        answer = httpx.get(f"{site}/fleet/servers/{name}/log")
        assert answer.status_code == 404
        assert len(answer.json()["detail"]) > 5


def test_both_pages_are_there_and_refer_to_nothing_outside(site: str) -> None:
    for path in ("", "fleet"):
        page = httpx.get(f"{site}/{path}")
        assert page.status_code == 200
        assert "cdn" not in page.text.lower()


def test_a_restart_of_a_server_in_use_wants_to_be_confirmed(tmp_path: Path) -> None:
    with RunManager(slow_profile(), tmp_path, hardware="a test machine") as slow, serving(slow) as site:
        race = slow.start("How many?", RunSettings(), baseline=False)
        until_running(race.run)
        answer = httpx.post(f"{site}/fleet/restart", json={"server": "target"})
        assert answer.json() == {"begun": False, "roles_in_use": ["target", "judge"]}
        confirmed = httpx.post(f"{site}/fleet/restart", json={"server": "target", "confirmed": True})
        assert confirmed.status_code == 409  # it is simulated: there is nothing to restart


def test_a_switch_ends_what_runs_and_the_fleet_follows(tmp_path: Path) -> None:
    with RunManager(slow_profile(), tmp_path, hardware="a test machine") as slow, serving(slow) as site:
        race = slow.start("How many?", RunSettings(), baseline=False)
        until_running(race.run)
        assert httpx.get(f"{site}/fleet/profiles").json()["active_runs"] == 1
        answer = httpx.post(f"{site}/fleet/switch", json={"profile": "simulated"})
        assert answer.status_code == 202
        assert wait(race.run).value == "stopped"
        assert slow.profile.name == "simulated"
        assert first(f"{site}/fleet/events", "fleet")["profile"]["name"] == "simulated"
        assert httpx.post(f"{site}/fleet/switch", json={"profile": "simulated-slow"}).status_code == 202
        assert slow.profile == slow_profile()


def test_devices_are_named() -> None:
    words = {
        "GPU 3": VllmServer(engine="vllm", model="m", gpus=(3,)),
        "GPUs 0, 1": VllmServer(engine="vllm", model="m", gpus=(0, 1), tensor_parallel_size=2),
        "cores 0-2": VllmServer(engine="vllm", model="m", cores="0-2"),
        "all cores": VllmServer(engine="vllm", model="m"),
        "no device": quick_profile().servers["target"],
        "processor": None,
    }
    assert {device_in_words(config) for config in words.values()} == words.keys()
    laptop = parse_profile(
        "name: l\ndescription: d\nservers: {target: {engine: llama.cpp, model: m}}\nroles: {target: target}", "l.yaml"
    )
    assert device_in_words(laptop.servers["target"]) == "2 threads"
