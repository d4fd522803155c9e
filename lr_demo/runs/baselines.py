"""Which autoregressive run is a fair baseline of another run: same prompt, settings that matter, servers, hardware."""

import hashlib

from lr_demo.config import Mode, Profile, RunSettings
from lr_demo.events import RunStarted
from lr_demo.runs.race import recorded_settings

MATTERS = ("temperature", "seed", "max_tokens")
"""The settings that decide an autoregressive run."""


def baseline_settings(settings: RunSettings) -> RunSettings:
    """The settings of the baseline of a run."""
    return settings.model_copy(update={"mode": Mode.AUTOREGRESSIVE, "threshold": None})


def fingerprint(profile: Profile) -> str:
    """Stands for what a profile's runs are computed with: servers, roles, texts; not its name or defaults."""
    what = profile.model_dump_json(include={"servers", "roles", "embedder", "system_prompt", "simulation"})
    return hashlib.blake2b(what.encode(), digest_size=8).hexdigest()


def is_baseline(started: RunStarted, prompt: str, settings: RunSettings, servers: str, hardware: str) -> bool:
    """Whether a run that began like this is a baseline for `prompt` with `settings` on these servers.

    `servers` is the profile's `fingerprint`.
    """
    if (started.mode, started.prompt) != (Mode.AUTOREGRESSIVE, prompt):
        return False
    if (started.fingerprint, started.hardware) != (servers, hardware):
        return False
    recorded = recorded_settings(started.settings)
    return all(getattr(recorded, name) == getattr(settings, name) for name in MATTERS)
