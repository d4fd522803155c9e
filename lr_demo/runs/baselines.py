"""Which autoregressive run is a fair baseline of another run: same prompt, settings that matter, servers, hardware."""

import hashlib
import json
from datetime import UTC, datetime, timedelta

from lr_demo.config import Mode, Profile, RunSettings
from lr_demo.events import RunStarted
from lr_demo.runs.race import recorded_settings
from lr_demo.runs.roles import server_names

LASTS = timedelta(hours=4)
"""What was measured longer ago is compared with nothing new: the pace of a machine that others use, too, drifts by half
within a day. So long, that what was measured before a talk serves in it. A simulated pace does not drift."""
MATTERS = ("temperature", "seed", "max_tokens")
"""The settings that decide an autoregressive run."""


def baseline_settings(settings: RunSettings) -> RunSettings:
    """The settings of the baseline of a run."""
    return settings.model_copy(update={"mode": Mode.AUTOREGRESSIVE, "threshold": None})


def fingerprint(profile: Profile, settings: RunSettings) -> str:
    """Stands for what a run is computed with: the servers that play in it, and the texts.

    What else there is in the profile does not count: a plain target's baseline stays one when the
    speculative target is set up in another way.
    """
    servers = {role: profile.servers[name] for role, name in server_names(profile, settings).items()}
    embeds = settings.mode.compares_steps and settings.verifier.embeds
    what = {
        "servers": {role: server.model_dump(mode="json", exclude={"on_demand"}) for role, server in servers.items()},
        "embedder": profile.embedder if embeds else None,
        "system_prompt": profile.system_prompt,
        "simulation": profile.simulation.model_dump(mode="json") if profile.simulated else None,
    }
    return hashlib.blake2b(json.dumps(what, sort_keys=True).encode(), digest_size=8).hexdigest()


def is_baseline(started: RunStarted, prompt: str, settings: RunSettings, servers: str, hardware: str) -> bool:
    """Whether a run that began like this is a baseline for `prompt` with `settings` on these servers, now.

    `servers` is the `fingerprint` of the baseline's settings.
    """
    if (started.mode, started.prompt) != (Mode.AUTOREGRESSIVE, prompt) or started.concurrent:
        return False
    if (started.fingerprint, started.hardware) != (servers, hardware):
        return False
    if not started.simulated and datetime.now(UTC) - started.began > LASTS:
        return False
    recorded = recorded_settings(started.settings)
    return all(getattr(recorded, name) == getattr(settings, name) for name in MATTERS)
