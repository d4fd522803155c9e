"""Has target and draft write steps behind the accepted text: what Lookahead and SpecReason have in common."""

from collections.abc import Callable, Sequence

from lr_demo import limits
from lr_demo.config import RunSettings
from lr_demo.decoding.attendance import Attendance
from lr_demo.decoding.draft_text import DraftText
from lr_demo.decoding.emission import Emission
from lr_demo.decoding.patience import Patience
from lr_demo.decoding.prefix import Prefix
from lr_demo.decoding.sampling import request_seed
from lr_demo.decoding.segmentation import Segmenter
from lr_demo.decoding.step import Following, Heard, Step, allowance, in_time, write_step, write_steps
from lr_demo.decoding.suggesting import Suggestion
from lr_demo.events import Role
from lr_demo.models.protocol import Chunk, GenerationRequest, LanguageModel, Sampling
from lr_demo.run_state import StepKey


class Writing:
    """Both models, each with its own ids of prompt and accepted text."""

    def __init__(
        self,
        target: LanguageModel,
        draft_text: DraftText,
        sampling: dict[Role, Sampling],
        prompt: Sequence[int],
        settings: RunSettings,
        segmenter: Segmenter,
        patience: Patience,
        emit: Emission,
        *,
        suggests: bool = False,
    ) -> None:
        """`suggests`: the target gets drafted steps as token proposals; needs a common vocabulary, since else the
        target's ids are not known before a step is complete."""
        self.target = target
        self.draft_text = draft_text
        self.draft = Attendance(Role.DRAFT, emit, draft_text.prove)
        """Whether the draft takes part. Open it while there are steps to write."""
        self.text_ids = list(prompt)
        """The target's ids of prompt and accepted text."""
        self._sampling, self._settings, self._segmenter = sampling, settings, segmenter
        self._patience, self._emit = patience, emit
        self._suggests = suggests
        self._suggestions: list[Suggestion] = []

    async def target_step(
        self,
        position: int,
        step: int,
        tokens_before: int,
        beyond: Callable[[], Sequence[int]] = tuple,
        begin: Callable[[], Heard | None] = lambda: None,
    ) -> Step:
        """The target's step behind the accepted text and `beyond`; asked for again while the target fails.

        `beyond` is asked for with each attempt, since the accepted text may have grown over it. `begin` is called
        with each attempt, too; what it returns hears every chunk.

        Raises:
            ModelError: the target failed for too long.
        """
        return await self._patience.of(
            lambda: self._write(
                StepKey(position, Role.TARGET), step, tokens_before, Prefix(self.text_ids, beyond()), heard=begin()
            )
        )

    async def target_steps(
        self,
        step: int,
        tokens_before: int,
        beyond: Callable[[], Sequence[int]],
        begin: Callable[[], Following],
        then: Callable[[Step], Following | None],
    ) -> bool:
        """The target's step, as `target_step`, and those behind it for as long as `then` says where the request goes
        on, as `write_steps`. `begin` is called with each attempt at the first.

        Raises:
            ModelError: the target failed for too long.
        """
        answer_left, step_cap = self._settings.max_tokens - tokens_before, self._settings.step_cap

        def came(done: Step) -> Following | None:
            self._patience.progress()
            return then(done)

        async def attempt() -> bool:
            request = GenerationRequest(
                prompt=Prefix(self.text_ids, beyond()),
                max_tokens=min(answer_left, step_cap),
                sampling=self._sampling[Role.TARGET],
                seed=request_seed(self._settings.seed, Role.TARGET, step, 0),
                splits=self._segmenter.stop,
            )
            return await write_steps(
                self.target,
                request,
                begin(),
                self._emit,
                self._segmenter.completes,
                answer_left=answer_left,
                step_cap=step_cap,
                then=came,
            )

        return await self._patience.of(attempt)

    async def drafted_step(
        self, position: int, step: int, tokens_before: int, beyond: Sequence[int] = (), alternative: int = 0
    ) -> Step:
        """The draft's step behind the accepted text and `beyond`, within `limits.drafted_step_s`.

        Raises:
            ModelError: the draft failed, was silent for too long, or is too slow.
        """
        prompt = Prefix(self.draft_text.ids, beyond)
        suggestion = None
        if self._suggests:
            suggestion = Suggestion(self.target, Prefix(self.text_ids, beyond))
            self._suggestions.append(suggestion)
        writing = self._write(StepKey(position, Role.DRAFT, alternative), step, tokens_before, prompt, suggestion)
        return await in_time(self.draft_text.model, writing, limits.drafted_step_s(unread=len(prompt)))

    async def target_ids(self, drafted: Step) -> tuple[int, ...]:
        """A drafted step's ids in the target's vocabulary: from its text alone where the tokenizers differ.

        Raises:
            ModelError: the target did not answer in time.
        """
        if self.draft_text.same_vocabulary:
            return drafted.token_ids
        return tuple(await in_time(self.target, self.target.encode(drafted.text)))

    def withdraw_suggestions(self) -> None:
        """No step is written any more: what was suggested for this answer is forgotten."""
        while self._suggestions:
            self._suggestions.pop().withdraw()

    def accept_drafted(self, drafted: Step, target_ids: tuple[int, ...]) -> None:
        """A step of the draft's joins the text."""
        self.text_ids += target_ids
        self.draft_text.append_drafted(drafted.token_ids)

    def accept_target(self, step: Step) -> None:
        """A step of the target's joins the text; the draft has yet to catch up where the tokenizers differ."""
        self.text_ids += step.token_ids
        self.draft_text.append_target(step.token_ids, step.text)

    async def _write(
        self,
        key: StepKey,
        step: int,
        tokens_before: int,
        prompt: Sequence[int],
        suggestion: Suggestion | None = None,
        heard: Heard | None = None,
    ) -> Step:
        most, at_limit = allowance(tokens_before, self._settings.max_tokens, self._settings.step_cap)
        request = GenerationRequest(
            prompt=prompt,
            max_tokens=most,
            stop=self._segmenter.stop,
            sampling=self._sampling[key.role],
            seed=request_seed(self._settings.seed, key.role, step, key.alternative),
        )
        if key.role is Role.TARGET:
            return await write_step(self.target, request, key, self._emit, at_limit=at_limit, heard=heard)

        def drafted(chunk: Chunk) -> None:
            self.draft.heard()
            if suggestion is not None:
                suggestion.add(chunk.token_ids)

        model = self.draft_text.model
        return await write_step(model, request, key, self._emit, at_limit=at_limit, heard=drafted)
