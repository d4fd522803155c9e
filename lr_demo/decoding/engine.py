"""One call that decodes a prompt in any mode. Knows models and verifiers by their protocols only."""

from collections.abc import Callable
from dataclasses import dataclass, field

from lr_demo.config import Mode, RunSettings, Schedule
from lr_demo.decoding.auto import Auto
from lr_demo.decoding.autoregressive import Autoregressive
from lr_demo.decoding.budget import Budget, Share
from lr_demo.decoding.draft_ahead import DraftAhead
from lr_demo.decoding.draft_between import DraftBetween
from lr_demo.decoding.draft_text import DraftText
from lr_demo.decoding.emission import Emission
from lr_demo.decoding.judging import Judging
from lr_demo.decoding.lookahead import Lookahead
from lr_demo.decoding.memory import Memory
from lr_demo.decoding.patience import Patience
from lr_demo.decoding.progress import Progress
from lr_demo.decoding.segmentation import BLANK_LINE, Segmenter
from lr_demo.decoding.specreason import SpecReason
from lr_demo.decoding.step import in_time
from lr_demo.decoding.writing import Writing
from lr_demo.errors import ConfigError
from lr_demo.events import Event, Role
from lr_demo.models.protocol import GREEDY, LanguageModel, Message, Sampling
from lr_demo.verification.protocol import StepScorer, Verifier


@dataclass(frozen=True)
class Cast:
    """Who plays in a run. A speculative mode has a target that speculates; in mode auto it may or may not."""

    target: LanguageModel
    target_sampling: Sampling
    draft: LanguageModel | None = None
    draft_sampling: Sampling = GREEDY
    verifier: Verifier | None = None
    """For lookahead reasoning."""
    scorer: StepScorer | None = None
    """For SpecReason."""
    memory: Memory = field(default_factory=Memory)
    """For mode auto: what earlier runs on these servers have shown; a run adds to it."""
    proposes: bool = False
    """Whether the target has token proposals of its own, as n-grams or a model of its server."""
    takes_drafted: bool = False
    """Whether it takes what the draft writes as token proposals."""
    drafts_between: bool = False
    """Whether its server asks the draft between two passes, instead of the draft writing ahead beside them."""
    reason: str = ""
    """For mode auto: why this target plays; empty where there is no other."""


async def decode(
    prompt: str,
    settings: RunSettings,
    cast: Cast,
    emit: Callable[[Event], None],
    system_prompt: str,
    segmenter: Segmenter = BLANK_LINE,
    budget: Budget | None = None,
) -> str:
    """Decode a prompt; emits every event between `RunStarted` and `RunFinished`.

    `budget` is the target's, shared with other runs on it; by default the run has the target to itself.

    Returns the reason of the end: `end_of_sequence`, `token_limit`, `final_answer`, `repeated_step`.
    However it ends, by cancellation too, no request of it is left at a server.

    Raises:
        ConfigError: the cast lacks a role that the mode needs.
        ModelError: the target failed for too long, or refused the prompt.
    """
    speculates = settings.mode.may_speculate_tokens and (cast.proposes or cast.takes_drafted)
    emission = Emission(emit, speculates=speculates)
    with (budget or Budget()).join(settings, draft_disturbs=cast.drafts_between) as share:
        if share.listener is not None:
            emission.listeners.append(share.listener)
        return await _decode(prompt, settings, cast, emission, system_prompt, segmenter, share)


async def _decode(
    prompt: str,
    settings: RunSettings,
    cast: Cast,
    emit: Emission,
    system_prompt: str,
    segmenter: Segmenter,
    share: Share,
) -> str:
    messages = [Message("system", system_prompt), Message("user", prompt)]
    patience = Patience(emit)
    prompt_ids = await patience.of(lambda: in_time(cast.target, cast.target.chat_prompt(messages)))
    room = await patience.of(lambda: in_time(cast.target, cast.target.context_length())) - len(prompt_ids)
    # A prompt that leaves no room is refused with the first request.
    settings = settings.model_copy(update={"max_tokens": max(1, min(settings.max_tokens, room))})
    ahead: DraftAhead | DraftBetween | None = None

    def make_plain(ids: list[int], progress: Progress, stays: Callable[[], bool] = lambda: True) -> Autoregressive:
        return Autoregressive(
            cast.target, cast.target_sampling, ids, settings, segmenter, patience, emit, ahead, progress, stays
        )

    if cast.draft is None:
        if settings.mode.drafts_steps:
            raise ConfigError(f"mode {settings.mode} needs a draft, and there is none")
        async with share.place():
            return await make_plain(prompt_ids, Progress()).run()
    same_vocabulary = cast.target.vocabulary == cast.draft.vocabulary
    suggests = cast.takes_drafted and same_vocabulary
    draft_text = DraftText(cast.draft, messages, same_vocabulary)
    sampling = {Role.TARGET: cast.target_sampling, Role.DRAFT: cast.draft_sampling}
    writing = Writing(
        cast.target, draft_text, sampling, prompt_ids, settings, segmenter, patience, emit, suggests=suggests
    )
    if suggests:
        prompt_text = DraftText(cast.draft, messages, same_vocabulary)
        if cast.drafts_between:
            ahead = DraftBetween(cast.target, prompt_text, writing.draft, prompt_ids, lambda: share.alone)
        else:
            ahead = DraftAhead(
                cast.target, prompt_text, writing.draft, cast.draft_sampling, prompt_ids, settings.seed, emit
            )
    if not settings.mode.drafts_steps:
        async with writing.draft, share.place():
            return await make_plain(prompt_ids, Progress()).run()
    if settings.mode is Mode.SPECREASON:
        if cast.scorer is None:
            raise ConfigError("mode specreason needs a step scorer, and there is none")
        async with share.place():
            return await SpecReason(writing, cast.scorer, settings, emit).run()
    if cast.verifier is None:
        raise ConfigError(f"mode {settings.mode} needs a verifier, and there is none")
    judging = Judging(cast.verifier, prompt, same_vocabulary, emit)
    if settings.mode is not Mode.AUTO:
        return await Lookahead(writing, judging, settings, emit, share).run()
    return await Auto(
        writing,
        judging,
        settings.model_copy(update={"schedule": Schedule.ASYNC}),
        emit,
        share,
        make_plain,
        ahead,
        cast.memory,
        proposes=cast.proposes,
        reason=cast.reason,
        alternatives_differ=cast.draft_sampling.temperature > 0,
    ).run()
