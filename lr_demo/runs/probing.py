"""Probes a profile: starts its fleet, measures it, keeps the result for this profile and machine."""

import asyncio
import hashlib
import json
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from lr_demo.config import (
    DraftedSpeculation,
    EndpointServer,
    LlamaCppServer,
    Mode,
    Profile,
    Proposals,
    RunSettings,
    VllmServer,
)
from lr_demo.errors import ConfigError, LookaheadError
from lr_demo.prediction import Costs
from lr_demo.probe import Probe
from lr_demo.runs.engine_thread import FleetView
from lr_demo.runs.roles import Casting, check_runnable, server_names
from lr_demo.runs.signal import Signal
from lr_demo.serving.cache import CACHE_VARIABLE, Cache
from lr_demo.serving.fleet import Fleet

_logger = logging.getLogger(__name__)
Watch = Callable[[AsyncGenerator[FleetView, None]], Awaitable[None]]
"""Shows the servers coming up."""


class ProbeRecord(BaseModel):
    """What a probe of a profile on a machine found."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    profile: str
    fingerprint: str
    """Stands for the servers: another one, and the probe is of no use."""
    hardware: str
    measured_at: str
    """Wall-clock time, ISO 8601 with zone."""
    seconds: float
    simulated: bool
    verifier: str
    costs: Costs
    proposals: int = 0
    """Token proposals a pass of the speculative target; 0: there is none, or it was left out."""
    drafted: bool = False
    """Whether they are what the draft writes."""
    tokens_a_pass: float | None = None
    """What a pass with these proposals came to on the probe's own text."""
    left_out: tuple[str, ...] = ()
    """What there was no time for."""


class ProbeStore:
    """The folder of probes."""

    def __init__(self, folder: Path | None = None) -> None:
        """By default the cache's. The folder is made when the first probe is kept."""
        self._folder = folder

    def path(self, profile: Profile, hardware: str) -> Path:
        """Where the probe of a profile on a machine lies or would lie."""
        folder = self._folder if self._folder is not None else Cache.default().probes
        what = f"{probe_fingerprint(profile)} {hardware}"
        return folder / f"{profile.name}-{hashlib.blake2b(what.encode(), digest_size=8).hexdigest()}.json"

    def keep(self, profile: Profile, record: ProbeRecord) -> Path:
        """Keep a probe in place of an earlier one; returns where.

        Raises:
            ConfigError: it cannot be written; says why.
        """
        path = self.path(profile, record.hardware)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(record.model_dump_json(indent=2), encoding="utf-8")
        except OSError as error:
            raise ConfigError(
                f"the probe cannot be kept as {path} ({error.strerror}): free some space, or set {CACHE_VARIABLE} to a "
                "folder you may write to"
            ) from None
        return path

    def find(self, profile: Profile, hardware: str) -> ProbeRecord | None:
        """The probe of a profile on a machine; None where there is none that can be read."""
        try:
            path = self.path(profile, hardware)
            return ProbeRecord.model_validate_json(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValidationError, LookaheadError) as error:
            _logger.warning("a probe cannot be used: %s", error)
            return None


def probe_fingerprint(profile: Profile) -> str:
    """Stands for what a probe measures: servers and roles; not when a server is started."""
    servers = {name: each.model_dump(mode="json", exclude={"on_demand"}) for name, each in profile.servers.items()}
    what = {
        "servers": servers,
        "roles": profile.roles.model_dump(),
        "embedder": profile.embedder,
        "simulation": profile.simulation.model_dump(mode="json") if profile.simulated else None,
    }
    return hashlib.blake2b(json.dumps(what, sort_keys=True).encode(), digest_size=8).hexdigest()


def proposals_of(profile: Profile, settings: RunSettings) -> tuple[int, bool]:
    """Token proposals a pass of the speculative target, and whether the draft writes them; 0 where none is known of."""
    server = profile.servers.get(profile.roles.speculative_target or "")
    if server is None or isinstance(server, EndpointServer) or server.speculation is None:
        return 0, False
    drafted = isinstance(server.speculation, DraftedSpeculation)
    if isinstance(server.speculation, DraftedSpeculation) and settings.proposals is Proposals.NGRAM:
        return server.speculation.ngram_tokens, False
    return server.speculation.tokens, drafted


async def probe_profile(
    profile: Profile, settings: RunSettings, hardware: str, watch: Watch, *, seconds: float, speculative: bool | None
) -> ProbeRecord:
    """Start a profile's servers, measure them, end them.

    `speculative`: whether to measure the target of SD too; None: where it runs anyway.

    Raises:
        ConfigError: the profile lacks what lookahead reasoning needs.
        WeightsError: a model is not to be had.
        ServingError: a server does not come up.
        ModelError: one does not answer.
    """
    plan = settings.model_copy(update={"mode": Mode.LOOKAHEAD if profile.roles.draft else Mode.AUTOREGRESSIVE})
    check_runnable(profile, plan)
    proposals, drafted = proposals_of(profile, settings)
    if not _wanted(profile, speculative):
        proposals, drafted = 0, False
    changes = Signal()
    fleet = Fleet(profile, on_change=changes.notify)
    casting = Casting(profile, fleet.endpoint, fleet.given_up, fleet.embedder_folder)
    try:
        await _start(fleet, profile, changes, watch)
        cast = casting.cast(plan)
        await casting.warm_up(cast)
        other, meter = None, None
        if proposals:
            faster = settings.model_copy(update={"mode": Mode.SPECULATIVE})
            await fleet.ensure(server_names(profile, faster).values())
            other = casting.cast(faster)
            meter = casting.meter(faster, other)
        found = await Probe(cast, settings.parallel_budget, seconds).run(other, meter, drafted=drafted)
    finally:
        await casting.close()
        await fleet.stop()
    return ProbeRecord(
        profile=profile.name,
        fingerprint=probe_fingerprint(profile),
        hardware=hardware,
        measured_at=datetime.now().astimezone().isoformat(timespec="seconds"),
        seconds=found.seconds,
        simulated=profile.simulated,
        verifier=settings.verifier.value,
        costs=found.costs,
        proposals=proposals,
        drafted=drafted,
        tokens_a_pass=found.tokens_a_pass,
        left_out=found.left_out,
    )


def _wanted(profile: Profile, speculative: bool | None) -> bool:
    """Whether the speculative target is measured."""
    server = profile.servers.get(profile.roles.speculative_target or "")
    on_demand = isinstance(server, VllmServer | LlamaCppServer) and server.on_demand
    return server is not None and (not on_demand if speculative is None else speculative)


async def _start(fleet: Fleet, profile: Profile, changes: Signal, watch: Watch) -> None:
    starting = asyncio.create_task(fleet.start())
    starting.add_done_callback(lambda _: changes.notify())

    async def views() -> AsyncGenerator[FleetView, None]:
        with changes.listen() as listener:
            while True:
                version = changes.version
                done = starting.done()
                yield FleetView(tuple(fleet.statuses()), done, None, profile)
                if done:
                    return
                await listener.wait(version)

    try:
        await watch(views())
    except asyncio.CancelledError:
        starting.cancel()
        raise
    await starting
