"""Whether a run and its baseline can be measured at the same time: only where no device works for both."""

from lr_demo.config import EndpointServer, Profile, RunSettings, SimulatedServer, VllmServer
from lr_demo.runs.baselines import baseline_settings
from lr_demo.runs.roles import server_names

PROCESSOR = "processor"
"""All of this machine's cores: what runs on some of them slows down what runs on the others."""


def can_run_at_once(profile: Profile, settings: RunSettings) -> bool:
    """Whether a run with these settings shares neither a server nor a device with its baseline.

    Where an endpoint computes is not known, so a run on one is never measured beside another.
    """
    run = _devices(profile, settings)
    baseline = _devices(profile, baseline_settings(settings))
    return run is not None and baseline is not None and not run & baseline


def _devices(profile: Profile, settings: RunSettings) -> frozenset[str] | None:
    """Everything that works for a run; None where that is not known."""
    found: set[str] = set()
    for name in server_names(profile, settings).values():
        match profile.servers[name]:
            case EndpointServer():
                return None
            case SimulatedServer():
                found.add(f"simulated {name}")
            case VllmServer(gpus=gpus) if gpus:
                found |= {f"GPU {gpu}" for gpu in gpus}
            case _:
                found.add(PROCESSOR)
    embeds = settings.mode.compares_steps and settings.verifier.embeds
    if embeds and not profile.simulated:
        found.add(PROCESSOR)
    return frozenset(found)
