"""The route for the judge's reason: what it answers, how it refuses, and that it works for nobody who has left."""

import asyncio

import httpx
import pytest
from fastapi import Request

from lr_demo.config import Profile
from lr_demo.runs.manager import RunManager
from lr_demo.ui.reason_routes import while_there
from tests.runs.watching import until_fleet
from tests.ui.recorded import record, record_own


@pytest.fixture(scope="module")
def run(manager: RunManager, profile: Profile) -> str:
    """A recorded run of the page's own models."""
    until_fleet(manager, lambda view: view.ready)
    record_own(manager.store.folder, "ours1", profile)
    return "ours1"


def ask(site: str, run: str, position: int = 0, site_of_page: str = "same-origin") -> httpx.Response:
    headers = {"sec-fetch-site": site_of_page}
    return httpx.post(f"{site}/runs/{run}/reasons", json={"position": position}, headers=headers, timeout=30)


def test_the_race_names_the_judge_only_where_it_can_be_asked(site: str, run: str, manager: RunManager) -> None:
    record(manager.store.folder, "theirs1", profile="another")
    assert httpx.get(f"{site}/races/{run}").json()["judge"] == "simulated"
    assert httpx.get(f"{site}/races/theirs1").json()["judge"] == ""


def test_a_reason_says_that_it_is_simulated(site: str, run: str, manager: RunManager) -> None:
    verdicts = manager.get(run).state().verdicts
    position = next(verdict.position for verdict in verdicts if not verdict.accepted and verdict.method == "judge")
    said = ask(site, run, position).json()
    assert said["text"].startswith("They differ: the drafted step says")
    assert (said["simulated"], said["model"]) == (True, "simulated")


@pytest.mark.parametrize(
    ("name", "position", "status", "words"),
    [("ours1", 9999, 409, "no verifier compared"), ("nothing1", 0, 404, "nothing1"), ("ours1", -1, 422, "position")],
)
def test_what_cannot_be_asked_is_refused_in_words(
    site: str, run: str, name: str, position: int, status: int, words: str
) -> None:
    answer = ask(site, name, position)
    assert (answer.status_code, words in answer.text) == (status, True)


def test_other_sites_cannot_have_a_visitor_ask(site: str, run: str) -> None:
    assert ask(site, run, site_of_page="cross-site").status_code == 403


def test_the_work_ends_when_the_reader_goes_away() -> None:
    async def leave() -> bool:
        begun, ended = asyncio.Event(), asyncio.Event()

        async def receive() -> dict[str, str]:
            await begun.wait()
            return {"type": "http.disconnect"}

        async def work() -> None:
            begun.set()
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                ended.set()

        with pytest.raises(Exception, match="went away"):
            await while_there(Request({"type": "http"}, receive), work())
        return ended.is_set()

    assert asyncio.run(leave())
