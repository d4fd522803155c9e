"""Who plays in a run: from a profile, its running servers and the settings to models, verifier and scorer."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lr_demo import limits
from lr_demo.config import (
    DEFAULT_THRESHOLD,
    DraftedSpeculation,
    DraftModelSpeculation,
    EagleSpeculation,
    EndpointServer,
    LlamaCppServer,
    Mode,
    NgramSpeculation,
    Profile,
    Proposals,
    RunSettings,
    ServerConfig,
    SimulatedSpeculation,
    SuffixSpeculation,
    VerifierKind,
    VllmServer,
)
from lr_demo.decoding.engine import Cast
from lr_demo.decoding.measuring import Measured
from lr_demo.decoding.memory import Memory
from lr_demo.decoding.sampling import family_sampling
from lr_demo.errors import ConfigError, ModelError, ServingError
from lr_demo.models.protocol import Embedder, LanguageModel, Sampling
from lr_demo.models.recorded import RecordedText
from lr_demo.models.replicas import Replicas
from lr_demo.models.simulated import SimulatedModel
from lr_demo.models.simulated_pair import simulated_models
from lr_demo.runs.probes import ProbeRecord
from lr_demo.runs.speculation import SpeculationMeter, server_counts
from lr_demo.runs.target_choice import Played, Shown, choose_target
from lr_demo.serving.endpoint import Endpoint
from lr_demo.verification.cascade import CascadeVerifier
from lr_demo.verification.embedding import EmbeddingVerifier
from lr_demo.verification.exact import ExactVerifier
from lr_demo.verification.judge import JudgeVerifier
from lr_demo.verification.protocol import StepScorer, Verifier
from lr_demo.verification.random import RandomVerifier
from lr_demo.verification.reason import JudgeReasoner, Reasoner, SimulatedReasoner
from lr_demo.verification.recorded import RecordedVerifier
from lr_demo.verification.simulated import SimulatedVerifier
from lr_demo.verification.target_score import TargetScore

if TYPE_CHECKING:
    from lr_demo.models.embedding import LocalEmbedder
    from lr_demo.models.openai_compatible import OpenAIModel


def check_runnable(profile: Profile, settings: RunSettings) -> None:
    """Whether a profile has what these settings need.

    Raises:
        ConfigError: it lacks something; names it and the modes that would run.
    """
    missing = profile.missing_for(settings)
    if not missing:
        return
    possible = [mode for mode in Mode if not profile.missing_for(settings.model_copy(update={"mode": mode}))]
    raise ConfigError(
        f"profile {profile.name} cannot run mode {settings.mode} (verifier {settings.verifier}): it lacks "
        f"{' and '.join(missing)}. Add what is missing to the profile, or choose another verifier or one of the "
        f"modes {', '.join(possible)}"
    )


def server_names(profile: Profile, settings: RunSettings) -> dict[str, str]:
    """Role to name of the server that plays it in a run with these settings."""
    roles = profile.roles
    speculative = roles.speculative_target if settings.mode.speculates_tokens else None
    players = {"target": speculative or roles.target}
    if (settings.mode.drafts_steps or _drafts_tokens(profile, settings)) and roles.draft is not None:
        players["draft"] = roles.draft
    if settings.mode.compares_steps and settings.verifier.asks_judge and roles.judge is not None:
        players["judge"] = roles.judge
    return players


def playable(profile: Profile, settings: RunSettings) -> list[RunSettings]:
    """By whom a run may be played, as settings of a mode that says so: a run in mode auto on the plain target as LR,
    or on the one that speculates as LR+SD. Where both targets are one server, that speculates."""
    if settings.mode is not Mode.AUTO:
        return [settings]
    modes = [Mode.LOOKAHEAD]
    if profile.roles.speculative_target is not None:
        modes.append(Mode.LOOKAHEAD_SPECULATIVE)
    if profile.roles.speculative_target == profile.roles.target:
        modes.remove(Mode.LOOKAHEAD)
    return [settings.model_copy(update={"mode": mode}) for mode in modes]


def _drafts_tokens(profile: Profile, settings: RunSettings) -> bool:
    """Whether the draft writes beside a target that takes its text as proposals."""
    suggests = settings.mode.speculates_tokens and settings.proposals is Proposals.DRAFTED
    return suggests and profile.takes_drafted_steps


def model_names(profile: Profile, settings: RunSettings) -> dict[str, str]:
    """Role to model as the profile names it; the embedding model under `embedder`."""
    names = {role: profile.servers[server].model for role, server in server_names(profile, settings).items()}
    if settings.mode.compares_steps and settings.verifier.embeds and profile.embedder:
        names["embedder"] = profile.embedder
    return names


def places_at(server: ServerConfig) -> int | None:
    """Sequences that a server decodes at once, all its replicas together; None where it does not say."""
    match server:
        case VllmServer():
            return server.max_num_seqs * server.data_parallel_size
        case LlamaCppServer():
            return server.slots
        case _:
            return None


def speculation_in_words(profile: Profile, settings: RunSettings) -> str:
    """The token-level speculation of the target in a run, for people; empty where there is none."""
    server = profile.servers[server_names(profile, settings)["target"]]
    if not settings.mode.speculates_tokens or isinstance(server, EndpointServer):
        return ""
    match server.speculation:
        case NgramSpeculation(tokens=tokens, lookup=lookup):
            return f"n-gram, {tokens} tokens, lookup {lookup}"
        case SuffixSpeculation(tokens=tokens):
            return f"suffix, up to {tokens} tokens"
        case DraftModelSpeculation(model=model, tokens=tokens):
            return f"draft model {model}, {tokens} tokens"
        case EagleSpeculation(model=model, tokens=tokens):
            return f"EAGLE-3 {model}, {tokens} tokens"
        case DraftedSpeculation(tokens=tokens) if settings.proposals is Proposals.DRAFTED:
            by = "asked between passes, " if profile.drafts_between and not settings.mode.drafts_steps else ""
            return f"drafted {'text' if by else 'steps'}, {by}up to {tokens} tokens"
        case DraftedSpeculation(ngram_tokens=tokens, lookup=lookup):
            return f"n-gram, {tokens} tokens, lookup {lookup}"
        case SimulatedSpeculation(tokens=tokens, acceptance=acceptance):
            return f"simulated, {tokens} tokens, α₂ {acceptance:g}"
        case None:
            return ""


class Casting:
    """Makes the cast of each run; keeps clients and embedding model from one run to the next."""

    def __init__(
        self,
        profile: Profile,
        endpoint: Callable[[str], Endpoint],
        given_up: Callable[[str], str | None],
        embedder_folder: Callable[[], Path | None],
        probe: Callable[[], ProbeRecord | None] = lambda: None,
    ) -> None:
        """`probe`: what a probe of these servers on this machine has found, if there was one."""
        self._profile = profile
        self._probe = probe
        self._endpoint = endpoint
        self._given_up = given_up
        self._embedder_folder = embedder_folder
        self._models: dict[str, tuple[Endpoint, LanguageModel]] = {}
        self._clients: list[OpenAIModel] = []
        """Every open one, those of addresses where no server is any more among them."""
        self._warm: dict[str, Endpoint | None] = {}
        """Verifier that is ready to the judge that has read its examples; a server started anew is published anew."""
        self._embedder: LocalEmbedder | None = None
        self._memory: dict[tuple[str, VerifierKind], Memory] = {}
        """For mode auto: what runs on each target with each verifier have shown of these servers."""
        self._shown = Shown()

    def played(self, settings: RunSettings) -> Played:
        """By whom a run is played that begins now: a choice in mode auto, where there are two targets."""
        possible = playable(self._profile, settings)
        if len(possible) == 1:
            return Played(possible[0])
        plain, speculative = possible
        measured = Measured(self._recalled(speculative))
        proposes = self._proposes(server_names(self._profile, speculative)["target"])
        return choose_target(plain, speculative, self._shown, self._probe(), measured, proposes=proposes)

    def learn(self, mode: Mode, played: RunSettings, tokens: int, seconds: float) -> None:
        """A run in this mode that had the servers to itself wrote an answer."""
        self._shown.add(mode, played, tokens, seconds)

    def cast(self, settings: RunSettings, text: RecordedText | None = None, reason: str = "") -> Cast:
        """Models, verifier and scorer for these settings; simulated ones write a recorded text where there is one.

        In mode auto, where there are two targets, on the plain one: `played` knows better, and its `reason`.

        Raises:
            ConfigError: the profile lacks something that they need.
            ServingError: a server or the embedding model that should be there is not.
        """
        check_runnable(self._profile, settings)
        settings = playable(self._profile, settings)[0]
        players = server_names(self._profile, settings)
        target, draft = self._pair(settings, players, text)
        return Cast(
            target=target,
            target_sampling=self._sampling(players["target"], settings),
            draft=draft,
            draft_sampling=self._sampling(players.get("draft", players["target"]), settings),
            verifier=self._verifier(settings, text) if settings.mode.compares_steps else None,
            scorer=self._scorer(target, settings),
            memory=self._recalled(settings),
            proposes=settings.mode.speculates_tokens and self._proposes(players["target"]),
            takes_drafted=_drafts_tokens(self._profile, settings),
            drafts_between=self._profile.drafts_between,
            reason=reason,
        )

    def meter(self, settings: RunSettings, cast: Cast) -> SpeculationMeter | None:
        """What measures the target's token-level speculation in a run; None in modes without it."""
        if not settings.mode.speculates_tokens:
            return None
        if isinstance(simulated := cast.target, SimulatedModel):
            return SpeculationMeter(simulated.count)
        endpoint = self._endpoint(server_names(self._profile, settings)["target"])
        return SpeculationMeter(partial(server_counts, endpoint))

    async def warm_up(self, cast: Cast) -> None:
        """Load the embedding model, and have a judge read its examples, once for each start of its server.

        Seconds on a processor, and like all loading no part of a run. What fails here will be said to fail by the run.
        """
        judge, verifier = self._profile.roles.judge, cast.verifier
        if not isinstance(verifier, JudgeVerifier | CascadeVerifier | EmbeddingVerifier):
            return
        asked = judge if VerifierKind(verifier.method).asks_judge else None
        endpoint = self._endpoint(asked) if asked is not None else None
        if verifier.method in self._warm and self._warm[verifier.method] is endpoint:
            return
        with suppress(ModelError, TimeoutError):
            async with asyncio.timeout(limits.WARM_UP_S):
                await verifier.warm_up()
                self._warm[verifier.method] = endpoint

    def reasoner(self) -> Reasoner:
        """Who says in words why two steps mean the same or not. A run after it has the judge read its examples again.

        Raises:
            ConfigError: the profile has no judge.
            ServingError: its server is not there.
        """
        if self._profile.simulated:
            return SimulatedReasoner(self._profile.simulation.verdict_ms / 1000)
        judge = self._judge_model()
        self._warm.clear()
        return JudgeReasoner(judge)

    async def close(self) -> None:
        """Close every client."""
        self._models.clear()
        while self._clients:
            await self._clients.pop().close()
        if self._embedder is not None:
            await self._embedder.close()
            self._embedder = None

    def _recalled(self, settings: RunSettings) -> Memory:
        """What runs on this target with this verifier have shown; before the first one, what a probe has."""
        target, verifier = server_names(self._profile, settings)["target"], settings.verifier
        known = self._memory.get((target, verifier))
        if known is None:
            probe, known = self._probe(), Memory()
            if probe is not None:
                plain = not (settings.mode.speculates_tokens and self._proposes(target))
                known = Memory.of(probe.costs, verdicts=probe.verifier == verifier, paces=plain)
            self._memory[target, verifier] = known
        return known

    def _proposes(self, server: str) -> bool:
        """Whether a server that speculates has token proposals of its own, whatever is drafted."""
        config = self._profile.servers[server]
        speculation = None if isinstance(config, EndpointServer) else config.speculation
        return not isinstance(speculation, DraftedSpeculation) or speculation.ngram_tokens > 0

    def _sampling(self, server: str, settings: RunSettings) -> Sampling:
        return family_sampling(self._profile.servers[server].family, settings.temperature)

    def _pair(
        self, settings: RunSettings, players: dict[str, str], text: RecordedText | None
    ) -> tuple[LanguageModel, LanguageModel | None]:
        if self._profile.simulated:
            plain = not settings.mode.drafts_steps
            target, draft = simulated_models(self._profile, settings.seed, players["target"], text, plain=plain)
            return target, draft if "draft" in players else None
        return self._model(players["target"]), self._model(players["draft"]) if "draft" in players else None

    def _model(self, server: str) -> LanguageModel:
        endpoint = self._endpoint(server)
        known = self._models.get(server)
        if known is None or known[0] != endpoint:  # new, or back under another address
            from lr_demo.models.openai_compatible import OpenAIModel  # a second to import: only where it is used

            addresses = (endpoint.base_url, *endpoint.replicas)
            given_up = partial(self._given_up, server)
            clients = [OpenAIModel(replace(endpoint, base_url=address), given_up) for address in addresses]
            self._clients += clients
            known = self._models[server] = endpoint, clients[0] if len(clients) == 1 else Replicas(clients)
        return known[1]

    def _verifier(self, settings: RunSettings, text: RecordedText | None) -> Verifier:
        threshold = settings.effective_threshold
        match settings.verifier:
            case VerifierKind.EXACT:
                return ExactVerifier()
            case VerifierKind.RANDOM:
                return RandomVerifier(threshold)
            case VerifierKind.JUDGE if text is not None:
                costs = self._profile.simulation.costs
                rate = costs.acceptance if costs is not None and "acceptance" in costs.edited else None
                return RecordedVerifier(text, threshold, self._profile.simulation.verdict_ms / 1000, rate)
            case kind if self._profile.simulated:
                return SimulatedVerifier(kind.value, self._profile.simulation.verdict_ms / 1000)
            case VerifierKind.JUDGE:
                return JudgeVerifier(self._judge_model(), threshold)
            case VerifierKind.EMBEDDING:
                return EmbeddingVerifier(self._embedding_model(), threshold)
            case VerifierKind.CASCADE:
                judge = JudgeVerifier(self._judge_model(), DEFAULT_THRESHOLD[VerifierKind.JUDGE])
                return CascadeVerifier(self._embedding_model(), judge, threshold)

    def _scorer(self, target: LanguageModel, settings: RunSettings) -> StepScorer | None:
        return TargetScore(target, settings.score_method) if settings.mode is Mode.SPECREASON else None

    def _judge_model(self) -> LanguageModel:
        judge = self._profile.roles.judge
        if judge is None:
            raise ConfigError(f"profile {self._profile.name} has no judge server (roles.judge)")
        return self._model(judge)

    def _embedding_model(self) -> Embedder:
        if self._embedder is None:
            folder = self._embedder_folder()
            if folder is None or self._profile.embedder is None:
                raise ServingError("the embedding model is not there: start the application again to fetch it")
            from lr_demo.models.embedding import LocalEmbedder  # brings torch with it: only where it is used

            self._embedder = LocalEmbedder(folder, self._profile.embedder)
        return self._embedder
