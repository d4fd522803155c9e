"""Measures what models and verifier take, on whatever clock the loop has; knows them by their protocols only.

`prediction` makes speeds of it. A probe asks for few tokens, and leaves out the larger batches when its time is over.
Predictions are ratios, and a shared machine may be half as fast a few seconds later: so what is compared is measured in
turns, each time beside the target alone.
"""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from itertools import count
from random import randrange
from statistics import fmean, median
from typing import Protocol

from lr_demo.decoding.engine import Cast
from lr_demo.decoding.step import in_time
from lr_demo.decoding.suggesting import Suggestion
from lr_demo.errors import ModelError
from lr_demo.events import TokenSpeculation
from lr_demo.models.protocol import GREEDY, GenerationRequest, LanguageModel, Message, Sampling
from lr_demo.prediction import Costs, Pace
from lr_demo.verification.protocol import Comparison, Verifier

BATCHES = (1, 2, 4, 8)
"""Sequences at once that are measured, up to the parallel budget."""
SECONDS = 45.0
"""A probe's time by default, without the servers' start."""
_FEWEST_TOKENS, _MOST_TOKENS = 6, 48
_FEWEST_DRAFTED = 24
"""Tokens of a target that takes drafted steps: those of one pass are too few."""
_SHARE = 0.1
"""Of the time, for one measurement."""
_HALF = 0.5
"""Of a text, read once more by the second of two that have it in common: less is a pass that it waited for."""
_VERDICTS = 3
_TURNS = 5
"""Times that every batch is measured."""
_DRAFTED_TURNS = 2
"""Of a target that takes drafted steps, behind a first one in which it prepares kernels for just so many tokens."""
_SPECULATIVE_SHARE = 0.2
"""Of the time, kept for the target of SD."""
_SYSTEM = "Follow the instruction exactly."
_TASK = "Write the whole numbers from {first} upwards as words, one after the other, and never stop."
_FILLER = "The shop has {n} crates with {m} apples in each of them, and sells some on every day of the week. "
_QUESTION = "A shop sells crates of apples. How many apples are there?"
_STEPS = (
    ("There are {n} crates, and each holds {m} apples, so I multiply the two: {p}.\n\n", "{n} times {m} is {p}.\n\n"),
    ("Multiplying {n} by {m} gives {p} apples in all of them together.\n\n", "So {n} × {m} = {p} apples.\n\n"),
)


class Meter(Protocol):
    """Counts the token-level speculation of the server between `begin` and `end`."""

    async def begin(self) -> None: ...

    async def end(self) -> TokenSpeculation | None: ...


@dataclass(frozen=True)
class Measured:
    """What a probe found."""

    costs: Costs
    tokens_a_pass: float | None
    """Of the target that speculates, on the probe's own text; None where that says nothing of other texts."""
    left_out: tuple[str, ...]
    """What there was no time for."""
    seconds: float


@dataclass
class _Heard:
    """When the chunks of one request came, and how many tokens were in each."""

    asked: float
    at: list[float] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)

    @property
    def wait_s(self) -> float:
        """Seconds to the first token."""
        return self.at[0] - self.asked if self.at else 0.0


class Probe:
    """One probe of one cast."""

    def __init__(self, cast: Cast, budget: int, seconds: float = SECONDS) -> None:
        """`budget`: the largest batch. `seconds`: when it begins to leave things out."""
        self._cast, self._seconds = cast, seconds
        self._batches = sorted({*(n for n in BATCHES if n <= budget), 1})
        self._seed = count()
        self._left_out: list[str] = []

    async def run(
        self, speculative: Cast | None = None, meter: Meter | None = None, *, drafted: bool = False
    ) -> Measured:
        """Measure everything. `speculative`: the cast of SD, with the meter of its server; `drafted`: whether that
        takes drafted steps as proposals.

        Raises:
            ModelError: the target does not answer.
        """
        loop = asyncio.get_running_loop()
        self._began = loop.time()
        target = await self._writer("target", self._cast.target, self._cast.target_sampling)
        writers = [target]
        if self._cast.draft is not None:
            writers.append(await self._writer("draft", self._cast.draft, self._cast.draft_sampling))
        verdict_s = await self._verdict_s(self._cast.verifier) if self._cast.verifier is not None else 0.0
        kept_s = self._seconds * _SPECULATIVE_SHARE if speculative is not None else 0.0
        alone_s, slowed = await self._turns(writers, kept_s)
        costs = Costs(
            target=target.pace(alone_s),
            draft=writers[1].pace(alone_s) if len(writers) > 1 else None,
            verdict_s=verdict_s,
            target_slowed=slowed[0],
            draft_slowed=slowed[1],
            unshared=min(1.0, target.unshared) if target.unshared > _HALF else 0.0,
        )
        tokens_a_pass = None
        if speculative is not None:
            plain_s, alone_sd, proposal_s, tokens_a_pass = await self._speculative(speculative, meter, target, drafted)
            factor = alone_sd.pass_s[0][1] / plain_s  # it grows with the batch as the plain one
            pace = replace(alone_sd, pass_s=tuple((n, seconds * factor) for n, seconds in costs.target.pass_s))
            costs = replace(
                costs,
                speculative=replace(pace, read_s=costs.target.read_s),
                proposal_s=proposal_s * alone_s / plain_s,
            )
        return Measured(costs, tokens_a_pass, tuple(self._left_out), loop.time() - self._began)

    async def _writer(self, role: str, model: LanguageModel, sampling: Sampling) -> "_Writer":
        """A model and its pace alone: reading, the wait before the first token, and a pass."""
        clock = asyncio.get_running_loop().time
        prompt = await in_time(model, model.chat_prompt([Message("system", _SYSTEM), Message("user", _task(1))]))
        long = await in_time(model, model.chat_prompt([Message("system", _SYSTEM), Message("user", _long(role))]))
        await self._write(model, prompt, sampling, 2)  # whatever is done once only is done
        began = clock()
        first = await self._write(model, prompt, sampling, _FEWEST_TOKENS)
        pass_s = _seconds_a_token([first]) or (clock() - began) / _FEWEST_TOKENS
        start_s = max(0.0, first.wait_s - pass_s)
        unread = await self._write(model, long, sampling, 1)
        read_s = max(0.0, unread.wait_s - first.wait_s) / max(1, len(long))
        unshared = 0.0
        if len(self._batches) > 1 and read_s > 0:  # two that have a long text in common, which was read for one before
            both = await asyncio.gather(*(self._write(model, long, sampling, 1) for _ in range(2)))
            unshared = (max(each.wait_s for each in both) - first.wait_s) / (unread.wait_s - first.wait_s)
        return _Writer(role, model, sampling, prompt, Pace(((1, pass_s),), start_s, read_s), unshared)

    async def _turns(self, writers: Sequence["_Writer"], kept_s: float) -> tuple[float, tuple[float, float]]:
        """Every batch of every model, and two models beside each other, several times over, as long as there is time.

        Returns seconds of a token of the target alone, and the factors on one of target and draft while both write, at
        least 1.
        """
        target = writers[0]
        alone: list[float] = []
        beside: list[tuple[float, float]] = []
        for turn in range(_TURNS):
            if turn and self._left() - kept_s < target.last_s[1] * _FEWEST_TOKENS:
                break
            for size in self._batches:
                for writer in writers:
                    expected_s = writer.expected_s(size)
                    tokens = max(_FEWEST_TOKENS, self._affordable(expected_s) // _TURNS)
                    if turn + size > 1 and self._left() - kept_s < expected_s * tokens:
                        continue
                    seconds = _seconds_a_token(await self._together(writer, tokens, size))
                    if seconds is not None:
                        writer.last_s[size] = seconds
                        writer.over_alone.setdefault(size, []).append(seconds / target.last_s[1])
                if size == 1:
                    alone.append(target.last_s[1])
                    if len(writers) > 1 and (not turn or self._left() > kept_s):
                        beside.append(await self._beside(target, writers[1]))
        for writer in writers:
            missing = [size for size in self._batches if size not in writer.over_alone]
            self._left_out += [f"{writer.role} with {size} sequences" for size in missing]
        first, second = ([pair[i] for pair in beside] or [1.0] for i in (0, 1))
        return fmean(alone), (median(first), median(second))

    async def _beside(self, target: "_Writer", draft: "_Writer") -> tuple[float, float]:
        """Factors on a token of both while they write beside each other."""
        tokens = max(_FEWEST_TOKENS, self._affordable(target.last_s[1]) // _TURNS)
        ratio = target.last_s[1] / draft.last_s[1]
        most = min(8 * _MOST_TOKENS, max(_FEWEST_TOKENS, round(1.2 * tokens * ratio)))
        heard = await asyncio.gather(
            self._write(target.model, target.prompt, target.sampling, tokens),
            self._write(draft.model, draft.prompt, draft.sampling, most),
        )
        begin, end = max(each.at[0] for each in heard), min(each.at[-1] for each in heard)
        first, second = (
            max(1.0, (_seconds_a_token([each], begin, end) or 0.0) / writer.last_s[1])
            for each, writer in zip(heard, (target, draft), strict=True)
        )
        return first, second

    async def _speculative(
        self, cast: Cast, meter: Meter | None, plain: "_Writer", drafted: bool
    ) -> tuple[float, Pace, float, float | None]:
        """A pass of the plain target, one with proposals, what each of them costs, and the tokens that it came to.

        A server that takes drafted steps gets its own greedy answer as one, so that passes are as full as can be. Where
        it has no proposals without, a pass is one of those, and each proposal costs its share of the difference.
        """
        target = cast.target
        prompt = await in_time(target, target.chat_prompt([Message("system", _SYSTEM), Message("user", _task(1))]))
        sampling = GREEDY if drafted else cast.target_sampling
        await self._write(target, prompt, sampling, 2)
        tokens = max(_FEWEST_DRAFTED if drafted else 0, self._affordable(plain.last_s[1]))
        suggestion = Suggestion(target, prompt)
        answer: list[int] = []
        if drafted:
            answer = (await self._write(target, prompt, sampling, tokens)).ids
            suggestion.add(answer)
            await self._write(target, prompt, sampling, tokens)
            suggestion.withdraw()
        turns = []
        for turn in range(_DRAFTED_TURNS if drafted else 1):
            if turn and self._left() < 0:
                break
            plain_s = _seconds_a_token(await self._together(plain, 2 * _FEWEST_TOKENS, 1))
            bare_s = None
            if drafted:
                without, proposed = await self._metered(target, prompt, sampling, 2 * _FEWEST_TOKENS, meter)
                if proposed is not None and not proposed.proposed_tokens:
                    bare_s = _seconds_a_token([without])
                suggestion.add(answer)
            heard, counted = await self._metered(target, prompt, sampling, tokens, meter)
            suggestion.withdraw()
            turns.append(_speculated(plain_s or plain.last_s[1], bare_s, heard, counted, drafted=drafted))
        plain_s, pass_s, start_s, proposal_s = (fmean(values) for values in zip(*turns, strict=True))
        told = None
        if counted is not None and not drafted:
            told = sum(heard.tokens) / (_passes_after_the_first(heard, counted, drafted) + 1)
        return plain_s, Pace(((1, pass_s),), start_s), proposal_s, told

    async def _metered(
        self, model: LanguageModel, prompt: Sequence[int], sampling: Sampling, tokens: int, meter: Meter | None
    ) -> tuple[_Heard, TokenSpeculation | None]:
        """One request, with what token-level speculation came to in it."""
        if meter is not None:
            await meter.begin()
        heard = await self._write(model, prompt, sampling, tokens)
        return heard, await meter.end() if meter is not None else None

    async def _verdict_s(self, verifier: Verifier) -> float:
        """Median seconds of a verdict; the first one, which may read examples, does not count."""
        clock = asyncio.get_running_loop().time
        taken = []
        for turn in range(_VERDICTS + 1):
            began = clock()
            await verifier.verify(_comparison(turn))
            taken.append(clock() - began)
            if turn and self._left() < taken[-1]:
                break
        return median(taken[1:])

    async def _together(self, writer: "_Writer", tokens: int, size: int) -> list[_Heard]:
        return await asyncio.gather(
            *(self._write(writer.model, writer.prompt, writer.sampling, tokens) for _ in range(size))
        )

    async def _write(self, model: LanguageModel, prompt: Sequence[int], sampling: Sampling, tokens: int) -> _Heard:
        """One request, with the times of its chunks."""
        clock = asyncio.get_running_loop().time
        heard = _Heard(clock())
        request = GenerationRequest(prompt, tokens, sampling=sampling, seed=next(self._seed))
        async with aclosing(model.generate(request)) as chunks:
            async for chunk in chunks:
                heard.at.append(clock())
                heard.tokens.append(len(chunk.token_ids))
                heard.ids += chunk.token_ids
        if not heard.at:
            raise ModelError(f"{model.name} wrote nothing: there is nothing to measure")
        return heard

    def _left(self) -> float:
        return self._seconds - (asyncio.get_running_loop().time() - self._began)

    def _affordable(self, pass_s: float) -> int:
        """Tokens of one measurement."""
        return max(_FEWEST_TOKENS, min(_MOST_TOKENS, int(self._seconds * _SHARE / pass_s)))


@dataclass
class _Writer:
    """A model whose batches are measured."""

    role: str
    model: LanguageModel
    sampling: Sampling
    prompt: Sequence[int]
    alone: Pace
    """As it was found at first."""
    unshared: float
    """What the second of two reads of a long text that was read for one before: 0 nothing, 1 all; a pass of waiting
    besides."""
    last_s: dict[int, float] = field(default_factory=dict)
    """By sequences at once: seconds of a token of each, as last measured."""
    over_alone: dict[int, list[float]] = field(default_factory=dict)
    """The same in every turn, over a token of the target alone in that turn."""

    def __post_init__(self) -> None:
        self.last_s[1] = self.alone.seconds(1)

    def expected_s(self, size: int) -> float:
        """Seconds of a token in a batch, with room where it was not measured yet."""
        known = max(n for n in self.last_s if n <= size)
        return self.last_s[known] * (1 if known == size else 2)

    def pace(self, alone_s: float) -> Pace:
        """With `alone_s` seconds for a token of the target alone."""
        found = {size: alone_s * median(ratios) for size, ratios in self.over_alone.items()}
        return replace(self.alone, pass_s=tuple(sorted(found.items())) or self.alone.pass_s)


def _speculated(
    plain_s: float, bare_s: float | None, heard: _Heard, counted: TokenSpeculation | None, *, drafted: bool
) -> tuple[float, float, float, float]:
    """Of one turn of a target that speculates: seconds of a pass of the plain target, of one of its own, from the
    request to the first, and more for each proposal."""
    passes = _passes_after_the_first(heard, counted, drafted)
    if passes < 1:
        raise ModelError("the target of SD wrote too little to be measured")
    pass_s, proposal_s = (heard.at[-1] - heard.at[0]) / passes, 0.0
    if bare_s is not None and counted is not None and counted.proposed_tokens >= heard.tokens[0]:
        behind = counted.proposed_tokens - (heard.tokens[0] - 1)  # those of the first pass, if it had any
        proposal_s = max(0.0, pass_s - bare_s) * passes / behind
        pass_s = bare_s
    return plain_s, pass_s, max(0.0, heard.wait_s - pass_s), proposal_s


def _seconds_a_token(heard: Sequence[_Heard], begin: float | None = None, end: float | None = None) -> float | None:
    """Mean seconds of a token of each, while all were writing; None where they never were.

    Waits from one chunk to the next count where they are whole: what one sequence says just before another of the same
    pass would count as a token of that time else.
    """
    start = max(each.at[0] for each in heard) if begin is None else begin
    stop = min(each.at[-1] for each in heard) if end is None else end
    seconds, tokens = 0.0, 0
    for each in heard:
        for before, at, written in zip(each.at, each.at[1:], each.tokens[1:], strict=False):
            if start <= before and at <= stop:
                seconds, tokens = seconds + at - before, tokens + written
    return seconds / tokens if seconds > 0 else None


def _passes_after_the_first(heard: _Heard, counted: TokenSpeculation | None, drafted: bool) -> int:
    """With a drafted step to the end, the last pass confirms all that are asked for; its own token goes unheard."""
    own = sum(heard.tokens) - (counted.accepted_tokens if counted is not None else 0)
    with_proposals = counted.drafts - (heard.tokens[0] > 1) if counted is not None and drafted else 0
    return max(own - 1, with_proposals)


def _task(first: int) -> str:
    return _TASK.format(first=first)


def _long(role: str) -> str:
    """A text that no server has read before."""
    return (
        f"For the {role}, order {randrange(10**6)}. "
        + "".join(_FILLER.format(n=n, m=2 * n + 1) for n in range(3, 9))
        + _QUESTION
    )


def _comparison(turn: int) -> Comparison:
    """Two wordings of a step with the same numbers, others at every turn."""
    n, m = 12 + 5 * turn, 7 + 3 * turn
    drafted, target = (text.format(n=n, m=m, p=n * m) for text in _STEPS[turn % len(_STEPS)])
    return Comparison(_QUESTION, drafted, target, (), (), same_vocabulary=False, seed=turn)
