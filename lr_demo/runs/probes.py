"""What probes have found, kept for each profile and machine."""

import hashlib
import json
import logging
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from lr_demo.config import DraftedSpeculation, EndpointServer, Profile, Proposals, RunSettings
from lr_demo.cost_sheet import told
from lr_demo.errors import ConfigError, LookaheadError
from lr_demo.prediction import Costs
from lr_demo.serving.cache import CACHE_VARIABLE, Cache
from lr_demo.theory import accepted_mean

_logger = logging.getLogger(__name__)


class ProbeRecord(BaseModel):
    """What a probe of a profile on a machine found."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    profile: str
    fingerprint: str
    """Stands for the servers: another one, and the probe is of no use."""
    hardware: str
    measured_at: str
    """Wall-clock time, ISO 8601 with zone; empty where the costs are stated ones."""
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


def stated_probe(profile: Profile, settings: RunSettings, hardware: str) -> ProbeRecord | None:
    """What a probe of simulated servers would come to, from their stated costs; None where there are none."""
    stated = profile.simulation.costs
    if stated is None:
        return None
    costs, work = told(stated)
    proposals, drafted = proposals_of(profile, settings)
    return ProbeRecord(
        profile=profile.name,
        fingerprint=probe_fingerprint(profile),
        hardware=hardware,
        measured_at="",
        seconds=0.0,
        simulated=True,
        verifier=settings.verifier.value,
        costs=costs,
        proposals=proposals,
        drafted=drafted,
        tokens_a_pass=accepted_mean(work.token_acceptance, proposals + 1),
    )
