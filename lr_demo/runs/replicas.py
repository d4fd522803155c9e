"""Which runs can be measured at the same time: only those for which no device works twice."""

from collections.abc import Iterable, Sequence

from lr_demo.config import EndpointServer, Profile, RunSettings, SimulatedServer, VllmServer
from lr_demo.runs.roles import playable, server_names

PROCESSOR = "processor"
"""All of this machine's cores: what runs on some of them slows down what runs on the others."""


def share_out(profile: Profile, runs: Sequence[RunSettings]) -> list[list[int]]:
    """Turns in which runs with these settings are measured: each the places of its runs in `runs`, ascending.

    A run joins the first turn with which it shares neither a server nor a device. Where an endpoint computes is
    not known, so a run on one is never measured beside another.
    """
    turns: list[list[int]] = []
    used: list[frozenset[str]] = []
    for place, settings in enumerate(runs):
        possible = [devices(profile, played) for played in playable(profile, settings)]
        needs = frozenset[str]().union(*possible) if all(possible) else frozenset[str]()
        free = (turn for turn, taken in enumerate(used) if needs and taken and not needs & taken)
        turn = next(free, None)
        if turn is None:
            turns.append([place])
            used.append(needs)
        else:
            turns[turn].append(place)
            used[turn] |= needs
    return turns


def devices(profile: Profile, settings: RunSettings) -> frozenset[str]:
    """Everything that works for a run, as `GPU 0`; empty where that is not known."""
    found: set[str] = set()
    for name in server_names(profile, settings).values():
        match profile.servers[name]:
            case EndpointServer():
                return frozenset()
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


def in_order(found: Iterable[str]) -> list[str]:
    """Devices by kind and number: GPU 2 before GPU 10."""
    return sorted(found, key=lambda name: (name.rstrip("0123456789"), len(name), name))
