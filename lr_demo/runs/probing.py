"""Probes a profile: starts its fleet, measures it."""

from dataclasses import replace
from datetime import datetime

from lr_demo.config import LlamaCppServer, Mode, Profile, RunSettings, VllmServer
from lr_demo.probe import Probe
from lr_demo.runs.bare_fleet import Watch, bare_fleet
from lr_demo.runs.probes import ProbeRecord, probe_fingerprint, proposals_of
from lr_demo.runs.roles import check_runnable, server_names


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
    async with bare_fleet(profile, watch) as (fleet, casting):
        cast = casting.cast(plan)
        await casting.warm_up(cast)
        other, meter = None, None
        if proposals:
            faster = settings.model_copy(update={"mode": Mode.SPECULATIVE})
            await fleet.ensure(server_names(profile, faster).values())
            other = casting.cast(faster)
            meter = casting.meter(faster, other)
        found = await Probe(cast, settings.parallel_budget, seconds).run(other, meter, drafted=drafted)
    return ProbeRecord(
        profile=profile.name,
        fingerprint=probe_fingerprint(profile),
        hardware=hardware,
        measured_at=datetime.now().astimezone().isoformat(timespec="seconds"),
        seconds=found.seconds,
        simulated=profile.simulated,
        verifier=settings.verifier.value,
        costs=replace(found.costs, drafts_between=profile.drafts_between),
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
