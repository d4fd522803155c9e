"""Measures what models and verifier take, on whatever clock the loop has; knows them by their protocols only.

`prediction` makes speeds of it. A probe asks for few tokens, and leaves out the larger batches when its time is over.
"""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from itertools import count
from operator import itemgetter
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
_VERDICTS = 3
_TURNS = 3
"""Of a target that takes drafted steps: a first pass of so many tokens prepares its kernels for just that many."""
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
        target, draft = self._cast.target, self._cast.draft
        alone, reading = await self._pace(target, self._cast.target_sampling, "target", (1,))
        costs = Costs(target=alone)
        tokens_a_pass = None
        if draft is not None:
            writing, _ = await self._pace(draft, self._cast.draft_sampling, "draft", (1,))
            target_slowed, draft_slowed = await self._contention(alone, writing, draft)
            costs = replace(costs, draft=writing, target_slowed=target_slowed, draft_slowed=draft_slowed)
        if self._cast.verifier is not None:
            costs = replace(costs, verdict_s=await self._verdict_s(self._cast.verifier))
        batched = await self._batched(target, self._cast.target_sampling, alone, "target", reading)
        costs = replace(costs, target=batched.pace, unshared=batched.unshared)
        if speculative is not None:
            plain_s = batched.pace.pass_s[0][1]
            alone_sd, proposal_s, tokens_a_pass = await self._speculative(speculative, meter, plain_s, drafted)
            factor = alone_sd.pass_s[0][1] / plain_s  # it grows with the batch as the plain one
            pace = replace(alone_sd, pass_s=tuple((n, s * factor) for n, s in batched.pace.pass_s))
            costs = replace(costs, speculative=replace(pace, read_s=alone.read_s), proposal_s=proposal_s)
        if draft is not None and costs.draft is not None:
            drafts = await self._batched(draft, self._cast.draft_sampling, costs.draft, "draft", None)
            costs = replace(costs, draft=drafts.pace)
        return Measured(costs, tokens_a_pass, tuple(self._left_out), loop.time() - self._began)

    async def _pace(
        self, model: LanguageModel, sampling: Sampling, role: str, sizes: Sequence[int]
    ) -> tuple[Pace, Sequence[int]]:
        """Alone: reading, the wait before the first token, and a pass. Returns the prompt that was used, too."""
        clock = asyncio.get_running_loop().time
        prompt = await in_time(model, model.chat_prompt([Message("system", _SYSTEM), Message("user", _task(1))]))
        long = await in_time(model, model.chat_prompt([Message("system", _SYSTEM), Message("user", _long(role))]))
        await self._write(model, prompt, sampling, 2)  # whatever is done once only is done
        began = clock()
        first = await self._write(model, prompt, sampling, _FEWEST_TOKENS)
        pass_s = _seconds_a_token([first]) or (clock() - began) / _FEWEST_TOKENS
        tokens = self._affordable(pass_s)
        if tokens > 2 * _FEWEST_TOKENS:
            first = await self._write(model, prompt, sampling, tokens)
            pass_s = _seconds_a_token([first]) or pass_s
        start_s = max(0.0, first.wait_s - pass_s)
        unread = await self._write(model, long, sampling, 1)
        read_s = max(0.0, unread.wait_s - first.wait_s) / max(1, len(long))
        return Pace(((1, pass_s),), start_s, read_s), prompt

    async def _batched(
        self, model: LanguageModel, sampling: Sampling, alone: Pace, role: str, prompt: Sequence[int] | None
    ) -> "_Batched":
        """The pace at every batch there is time for."""
        if prompt is None:
            prompt = await in_time(model, model.chat_prompt([Message("system", _SYSTEM), Message("user", _task(1))]))
        points, unshared = list(alone.pass_s), 0.0
        earlier = alone.pass_s[0][1]
        if self._left() > earlier * _FEWEST_TOKENS:  # once more, at about the time of the larger ones
            again = _seconds_a_token([await self._write(model, prompt, sampling, self._affordable(earlier))])
            points[0] = (1, fmean([earlier, again or earlier]))
        for size in self._batches[1:]:
            expected = points[-1][1] * 2
            tokens = self._affordable(expected)
            if self._left() < expected * tokens:
                self._left_out.append(f"{role} with {size} sequences")
                continue
            heard = await self._together(model, prompt, sampling, tokens, size)
            pass_s = _seconds_a_token(heard)
            if pass_s is not None:
                points.append((size, pass_s))
            if size == 2 and alone.read_s > 0:
                reading_s = max(each.wait_s for each in heard) - alone.start_s - (pass_s or earlier)
                unshared = min(1.0, max(0.0, reading_s / (alone.read_s * len(prompt))))
        return _Batched(replace(alone, pass_s=tuple(points)), unshared if unshared > 0.5 else 0.0)

    async def _contention(self, target: Pace, drafting: Pace, draft: LanguageModel) -> tuple[float, float]:
        """Factors on a pass of target and draft while the other writes, at least 1."""
        slow, fast = target.pass_s[0][1], drafting.pass_s[0][1]
        tokens = self._affordable(slow)
        prompts = []
        for model in (self._cast.target, draft):
            messages = [Message("system", _SYSTEM), Message("user", _task(1))]
            prompts.append(await in_time(model, model.chat_prompt(messages)))
        most = min(4 * _MOST_TOKENS * 2, max(_FEWEST_TOKENS, round(1.2 * tokens * slow / fast)))
        one, other = await asyncio.gather(
            self._write(self._cast.target, prompts[0], self._cast.target_sampling, tokens),
            self._write(draft, prompts[1], self._cast.draft_sampling, most),
        )
        begin, end = max(one.at[0], other.at[0]), min(one.at[-1], other.at[-1])
        slowed = (_seconds_a_token([each], begin, end) for each in (one, other))
        first, second = (
            max(1.0, together / alone) if together else 1.0
            for together, alone in zip(slowed, (slow, fast), strict=True)
        )
        return first, second

    async def _speculative(
        self, cast: Cast, meter: Meter | None, plain_s: float, drafted: bool
    ) -> tuple[Pace, float, float | None]:
        """A pass with its proposals, what each of them costs, and the tokens that it came to.

        `plain_s`: about what a pass of the target takes.

        A server that takes drafted steps gets its own greedy answer as one, so that passes are as full as can be. Where
        it has no proposals without, a pass is one of those, and each proposal costs its share of the difference.
        """
        target = cast.target
        prompt = await in_time(target, target.chat_prompt([Message("system", _SYSTEM), Message("user", _task(1))]))
        sampling = GREEDY if drafted else cast.target_sampling
        await self._write(target, prompt, sampling, 2)
        tokens = max(_FEWEST_DRAFTED if drafted else 0, self._affordable(plain_s))
        suggestion = Suggestion(target, prompt)
        bare_s = None
        if drafted:
            without, proposed = await self._metered(target, prompt, sampling, tokens, meter)
            if proposed is not None and not proposed.proposed_tokens:
                bare_s = _seconds_a_token([without])
            suggestion.add(without.ids)
        turns = []
        for _ in range(_TURNS if drafted else 1):
            heard, counted = await self._metered(target, prompt, sampling, tokens, meter)
            passes = _passes_after_the_first(heard, counted, drafted)
            if passes < 1:
                raise ModelError(f"{target.name} wrote too little to be measured")
            turns.append(((heard.at[-1] - heard.at[0]) / passes, passes, heard, counted))
        suggestion.withdraw()
        pass_s, passes, heard, counted = min(turns, key=itemgetter(0))
        proposal_s = 0.0
        if bare_s is not None and counted is not None and counted.proposed_tokens >= heard.tokens[0]:
            behind = counted.proposed_tokens - (heard.tokens[0] - 1)  # those of the first pass, if it had any
            proposal_s = max(0.0, pass_s - bare_s) * passes / behind
            pass_s = bare_s
        told = None if counted is None or drafted else sum(heard.tokens) / (passes + 1)
        return Pace(((1, pass_s),), max(0.0, heard.wait_s - pass_s)), proposal_s, told

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

    async def _together(
        self, model: LanguageModel, prompt: Sequence[int], sampling: Sampling, tokens: int, size: int
    ) -> list[_Heard]:
        return await asyncio.gather(*(self._write(model, prompt, sampling, tokens) for _ in range(size)))

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


@dataclass(frozen=True)
class _Batched:
    pace: Pace
    unshared: float


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
