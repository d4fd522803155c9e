"""Our own routes for the fleet: servers, figures, logs as server-sent events; restart a server, switch the profile."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Annotated

from fastapi import APIRouter, Depends, Header, HTTPException
from pydantic import BaseModel
from sse_starlette import EventSourceResponse, ServerSentEvent

from lr_demo.config import Profile, load_profile, profile_names
from lr_demo.errors import ConfigError, UserError
from lr_demo.runs.manager import RunManager
from lr_demo.runs.race import RunPhase
from lr_demo.serving.logs import LogPart
from lr_demo.ui.fleet_views import fleet_message, telemetry_message
from lr_demo.ui.views import ProfileView, View, profile_view


class LogMessage(View):
    lines: tuple[str, ...]
    skipped: bool
    """True where lines before these were left out."""
    fresh: bool
    """True where a log begins."""


class ChoiceView(View):
    """A profile that can be switched to."""

    name: str
    profile: ProfileView | None
    problem: str | None
    """What is wrong with its file."""


class ChoicesView(View):
    choices: list[ChoiceView]
    active_runs: int
    """Races that are queued or under way, and would end."""


class RestartIn(BaseModel):
    server: str
    confirmed: bool = False
    """True: even if a run is using it."""


class RestartView(View):
    begun: bool
    roles_in_use: list[str]
    """The roles it plays in a run that is under way; where it has any, it wants to be confirmed."""


class SwitchIn(BaseModel):
    profile: str


async def from_our_page(sec_fetch_site: Annotated[str | None, Header()] = None) -> None:
    """Refuses what another site has a visitor's browser send."""
    if sec_fetch_site not in (None, "same-origin", "none"):
        raise HTTPException(403, "this is for the application's own pages")


def fleet_router(manager: RunManager) -> APIRouter:
    """The routes of the Fleet page, and of the masthead of every page."""
    router = APIRouter(prefix="/fleet")
    ours = [Depends(from_our_page)]
    began_with = manager.profile

    @router.get("/events")
    async def events() -> EventSourceResponse:
        """The model servers as they are now, then after every change."""
        return EventSourceResponse(_fleet_messages(manager))

    @router.get("/telemetry")
    async def telemetry() -> EventSourceResponse:
        """What servers and GPUs are doing, about once a second. While nobody asks this, the servers are not asked."""
        return EventSourceResponse(_telemetry_messages(manager))

    @router.get("/servers/{name}/log")
    async def log(name: str) -> EventSourceResponse:
        """A server's log: its last lines, then what is added; `end` where the server is no more."""
        try:
            parts = manager.follow_server_log(name)
        except UserError as error:
            raise HTTPException(404, str(error)) from None
        return EventSourceResponse(_log_messages(parts))

    @router.get("/profiles")
    def profiles() -> ChoicesView:
        """What can be switched to, and how many races would end."""
        names = dict.fromkeys((*profile_names(), began_with.name))
        active = [race for race in manager.races() if race.run.phase in (RunPhase.QUEUED, RunPhase.RUNNING)]
        return ChoicesView(choices=[_choice(name, began_with) for name in names], active_runs=len(active))

    @router.post("/switch", status_code=202, dependencies=ours)
    def switch(wish: SwitchIn) -> ProfileView:
        """Run on another profile's servers; races under way are ended."""
        if wish.profile not in (*profile_names(), began_with.name):
            raise HTTPException(404, f"there is no profile {wish.profile!r} to switch to")
        try:
            profile = _profile(wish.profile, began_with)
        except ConfigError as error:
            raise HTTPException(409, str(error)) from None
        manager.switch_profile(profile)
        return profile_view(profile)

    @router.post("/restart", status_code=202, dependencies=ours)
    def restart(wish: RestartIn) -> RestartView:
        """End a server's process and start it again; where a run is using it, only if that is confirmed."""
        roles = manager.roles_in_use(wish.server)
        begun = wish.confirmed or not roles
        try:
            if begun:
                manager.restart_server(wish.server)
        except UserError as error:
            raise HTTPException(409, str(error)) from None
        return RestartView(begun=begun, roles_in_use=roles)

    return router


def _profile(name: str, began_with: Profile) -> Profile:
    """By name; the one the application began with may be a file of the user's, which has no other name."""
    return began_with if name == began_with.name else load_profile(name)


def _choice(name: str, began_with: Profile) -> ChoiceView:
    try:
        return ChoiceView(name=name, profile=profile_view(_profile(name, began_with)), problem=None)
    except ConfigError as error:
        return ChoiceView(name=name, profile=None, problem=str(error))


async def _fleet_messages(manager: RunManager) -> AsyncIterator[ServerSentEvent]:
    async with aclosing(manager.follow_fleet()) as views:
        async for view in views:
            message = fleet_message(view, manager.profile)
            yield ServerSentEvent(event="fleet", data=message.model_dump_json())


async def _telemetry_messages(manager: RunManager) -> AsyncIterator[ServerSentEvent]:
    since = float("-inf")
    async with aclosing(manager.follow_telemetry()) as readings:
        async for telemetry in readings:
            message = telemetry_message(telemetry, since)
            since = telemetry.at
            yield ServerSentEvent(event="telemetry", data=message.model_dump_json())


async def _log_messages(following: AsyncGenerator[LogPart, None]) -> AsyncIterator[ServerSentEvent]:
    async with aclosing(following) as parts:
        async for part in parts:
            message = LogMessage(lines=part.lines, skipped=part.skipped, fresh=part.fresh)
            yield ServerSentEvent(event="log", data=message.model_dump_json())
    yield ServerSentEvent(event="end", data="{}")
