"""A recorded run as text to be written again: steps and verdicts as they were, and a rule for what is missing.

The rule: where a run comes to a text that the recording did not come to, or has no complete step for, the step with the
same number in the recorded answer stands in, with the verdict it got there; after the last the answer ends. Plain
decoding and SD write the recorded plain run of the same prompt.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from lr_demo.errors import TraceError
from lr_demo.events import Event, PositionOpened, Role, StepDelta, StepFinish, Verdict
from lr_demo.models.protocol import Finish, GenerationRequest
from lr_demo.models.simulated import END_ID, SimulatedModel
from lr_demo.models.story import BOUNDARY, Voice
from lr_demo.run_state import RunState, StepKey

RECORDED = "recorded"
_ROLES = {Voice.TARGET: Role.TARGET, Voice.DRAFT: Role.DRAFT}


@dataclass(frozen=True, slots=True)
class RecordedStep:
    """A complete step of a recorded run."""

    pieces: tuple[str, ...]
    """The text of each token but an end-of-sequence one."""
    ends: bool
    """Whether the answer ends with it."""

    @property
    def text(self) -> str:
        return "".join(self.pieces)


@dataclass(frozen=True, slots=True)
class Line:
    """What is written next."""

    step: RecordedStep
    origin: str
    """Where it comes from, in words."""


@dataclass
class RecordedText:
    """What a recorded run wrote and decided, and the target's plain run of the same prompt."""

    prompt: str
    source: str
    """By which models, when and on what it was recorded, in words."""
    places: dict[tuple[str, Voice], RecordedStep] = field(default_factory=dict)
    """By the answer in front of it, and who wrote it."""
    answer: list[dict[Voice, RecordedStep]] = field(default_factory=list)
    """The steps at the places of the answer."""
    plain: list[RecordedStep] = field(default_factory=list)
    """The plain run's."""
    verdicts: dict[tuple[str, str], Verdict] = field(default_factory=dict)
    """By drafted and target text."""

    @staticmethod
    def of(run: Sequence[Event], alone: Sequence[Event]) -> "RecordedText":
        """From a run of lookahead reasoning and a plain one, both finished.

        Raises:
            TraceError: they are not of one prompt, or a step of an answer was recorded from one side alone.
        """
        reader, plain = _Reader(run), _Reader(alone)
        started, other = reader.state.started, plain.state.started
        if started is None or other is None:
            raise TraceError("a recording does not begin with the start of a run: record it anew")
        if started.prompt != other.prompt:
            raise TraceError(f"runs {started.run} and {other.run} are not of one prompt: record them anew")
        writers = f"{started.models['target']} with {started.models.get('draft', 'no draft')}"
        text = RecordedText(
            started.prompt, f"{writers}, recorded {started.started_at[:10]} on {started.hardware}", reader.places
        )
        for committed in reader.state.answer:
            position = committed.key.position
            both = {voice: reader.step(StepKey(position, role)) for voice, role in _ROLES.items()}
            text.answer.append({voice: step for voice, step in both.items() if step is not None})
            if len(text.answer[-1]) < len(both):
                raise TraceError(f"run {started.run}, step {len(text.answer)}: draft or target is missing there")
        for verdict in reader.state.verdicts:
            pair = [reader.step(StepKey(verdict.position, role)) for role in (Role.DRAFT, Role.TARGET)]
            if pair[0] is not None and pair[1] is not None:
                text.verdicts[pair[0].text, pair[1].text] = verdict
        steps = [plain.step(StepKey(committed.key.position, Role.TARGET)) for committed in plain.state.answer]
        text.plain = [step for step in steps if step is not None]
        return text

    def next_line(self, answer: str, voice: Voice, *, plain: bool = False) -> Line | None:
        """What follows an answer: a step, or the rest of one it ends in; None where it has ended."""
        before = answer[: answer.rfind(BOUNDARY) + len(BOUNDARY)] if BOUNDARY in answer else ""
        number = answer.count(BOUNDARY)
        if plain:
            if number >= len(self.plain):
                return None
            return _rest(Line(self.plain[number], RECORDED), answer[len(before) :])
        step = self.places.get((before, voice))
        if step is not None:
            return _rest(Line(step, RECORDED), answer[len(before) :])
        if number >= len(self.answer):
            return None
        origin = f"filled in: step {number + 1} of the recorded answer, which was written there after another text"
        return _rest(Line(self.answer[number][voice], origin), answer[len(before) :])


def _rest(line: Line, begun: str) -> Line:
    """What is left of a step of which so much stands already; of another one's beginning only the length counts."""
    skip = len(begun)
    pieces: list[str] = []
    for piece in line.step.pieces:
        pieces += [piece[skip:]] if len(piece) > skip else []
        skip = max(0, skip - len(piece))
    if not pieces and not line.step.ends:
        pieces = [BOUNDARY]
    return Line(RecordedStep(tuple(pieces), line.step.ends), line.origin)


def _split(text: str, tokens: int) -> list[str]:
    """A delta of several tokens, whose single texts were not recorded, in as many pieces; none of them is empty."""
    cuts = [len(text) * i // max(1, tokens) for i in range(max(1, tokens) + 1)]
    return [text[a:b] for a, b in pairwise(cuts) if a < b]


class _Reader:
    """A trace as it was written: the text in front of every position, the tokens of every step."""

    def __init__(self, events: Sequence[Event]) -> None:
        self.state = RunState()
        self.places: dict[tuple[str, Voice], RecordedStep] = {}
        self._pieces: dict[StepKey, list[str]] = {}
        before: dict[int, str] = {}
        for event in events:
            self.state.apply(event)
            if isinstance(event, StepDelta):
                key = StepKey(event.position, event.role, event.alternative)
                pieces = self._pieces.setdefault(key, [])
                if event.tokens or not pieces:
                    pieces += _split(event.text, event.tokens)
                else:  # the rest of the last token's text
                    pieces[-1] += event.text
            elif isinstance(event, PositionOpened):
                before[event.position] = self._before(event, before)
        for position, text in before.items():
            for voice, role in _ROLES.items():
                step = self.step(StepKey(position, role))
                if step is not None:
                    self.places[text, voice] = step

    def step(self, key: StepKey) -> RecordedStep | None:
        """A step that was completed."""
        state = self.state.steps.get(key)
        if state is None or state.finish is None:
            return None
        ends = state.finish is StepFinish.END
        return RecordedStep(tuple(self._pieces[key]), ends)

    def _before(self, opened: PositionOpened, before: dict[int, str]) -> str:
        if opened.parent is None:
            return self.state.text()
        leading = self.state.steps[StepKey(opened.parent, opened.parent_role, opened.parent_alternative)]
        return before[opened.parent] + leading.text


@dataclass
class RecordedModel(SimulatedModel):
    """A simulated model that writes what a recorded run says; its story is not asked."""

    text: RecordedText = field(kw_only=True)
    plain: bool = field(default=False, kw_only=True)
    """Whether it writes the plain run."""

    def _origin(self, prompt: Sequence[int], said: Sequence[int] = ()) -> str:
        line = self.text.next_line(self._answer([*prompt, *said]), self.voice, plain=self.plain)
        return RECORDED if line is None else line.origin

    def what_it_writes(self, request: GenerationRequest) -> Iterator[tuple[int, Finish | None]]:
        answer = self._answer(request.prompt)
        left = min(request.max_tokens, self.context - len(request.prompt))
        while (line := self.text.next_line(answer, self.voice, plain=self.plain)) is not None:
            pieces = line.step.pieces
            answer += line.step.text
            for index, piece in enumerate(pieces, start=1):
                left -= 1
                stops = (
                    index == len(pieces) and not line.step.ends and any(mark in answer[-8:] for mark in request.stop)
                )
                finish = Finish.STOP if stops else Finish.LENGTH if left == 0 else None
                yield self.words.token(piece), finish
                if finish is not None:
                    return
            if line.step.ends:
                break
        yield END_ID, Finish.END
