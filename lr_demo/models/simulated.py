"""Simulated models: no weights, seeded text at a set pace, failures on demand. Runs in virtual time too.

What they write comes from a `Story`: a function of the text so far, so that the same prefix always
gets the same continuation and a drafted step can mean the same as the target's without being equal.
"""

import asyncio
import math
import random
import re
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice, pairwise, repeat, takewhile

from lr_demo.config import DraftedSpeculation, SimulatedSpeculation
from lr_demo.errors import ModelError, RequestRefused
from lr_demo.events import TokenSpeculation
from lr_demo.models.prefix_cache import PrefixCache
from lr_demo.models.protocol import Chunk, Finish, GenerationRequest, LanguageModel, Message, passes_between
from lr_demo.models.story import Story, Voice, first_difference
from lr_demo.proposals.index import Accompanied, DraftedSteps, DraftedTokens
from lr_demo.proposals.worth import Worth

END_ID = 0
"""The end-of-sequence token; it has no text."""
USER, ASSISTANT = "\x02", "\x03"
"""Open a user's and the assistant's turn. Not typeable, so no prompt can hold them."""

WORDS = re.compile(r"[.:}]?\n\n+| ?\w+|\s+|[^\w\s]")
"""Tokens of words; a step's last token is like `.` and a blank line in one."""
TRIPLES = re.compile(r"\n\n+|[^\n]{1,3}|\n")
"""Another tokenizer: up to three characters a token."""
_REACH = 1024
"""Tokens that proposals look back over: more than a step has."""
_BLOCK = 64
"""Tokens that are decoded, and remembered, together: every request has nearly the same prompt as an earlier one."""


class Vocabulary:
    """Token ids of text and back: a token is what the pattern matches; ids are given as tokens appear."""

    def __init__(self, name: str, pattern: re.Pattern[str] = WORDS) -> None:
        self.name = name
        self._pattern = pattern
        self._ids: dict[str, int] = {"": END_ID}
        self._texts: list[str] = [""]
        self._block = lru_cache(maxsize=4096)(self._joined)

    def encode(self, text: str) -> list[int]:
        return [self.token(piece) for piece in self._pattern.findall(text)]

    def token(self, piece: str) -> int:
        """The id of a piece of text that is to be one token; no empty one, which would end the answer."""
        token = self._ids.get(piece)
        if token is None:
            token = self._ids[piece] = len(self._texts)
            self._texts.append(piece)
        return token

    def decode(self, ids: Sequence[int]) -> str:
        if len(ids) <= _BLOCK:
            return self._joined(ids)
        whole = len(ids) // _BLOCK * _BLOCK
        blocks = [self._block(tuple(ids[begin : begin + _BLOCK])) for begin in range(0, whole, _BLOCK)]
        return "".join([*blocks, self._joined(ids[whole:])])

    def _joined(self, ids: Sequence[int]) -> str:
        texts = self._texts
        return "".join([texts[token] for token in ids])

    def text(self, token: int) -> str:
        return self._texts[token]


@dataclass(frozen=True, slots=True)
class Failure:
    """What goes wrong with one request: after so many tokens it errs, or hangs until cancelled."""

    after_tokens: int = 0
    hangs: bool = False
    raises: type[ModelError] = ModelError

    async def happen(self, name: str) -> None:
        """Err, or hang. `name` is who does."""
        if self.hangs:
            await asyncio.get_running_loop().create_future()
        raise self.raises(f"{name}: a simulated failure, as asked for")


@dataclass
class SimulatedModel:
    """A language model that continues its story at a set pace."""

    name: str
    story: Story
    voice: Voice
    words: Vocabulary
    seconds_per_token: float
    batch_cost: Sequence[float] = ()
    """Cost of a token with 1, 2, 3 … sequences in flight, as a factor; the last goes on. Empty: see `batch_growth`."""
    chunk_tokens: int = 1
    """Least tokens of a streamed chunk; a chunk ends with a pass, also where that completes a mark to split at."""
    choose_seconds: float = 0.0
    failures: Mapping[int, Failure] = field(default_factory=dict)
    """Request number, from 0, to what goes wrong with it."""
    context: int = 2**31
    """Most tokens of prompt and answer together."""
    speculation: SimulatedSpeculation | DraftedSpeculation | None = None
    batch_growth: float = 0.0
    """Share that a token takes longer for each further sequence in flight."""
    proposal_growth: float = 0.0
    """Share that a pass takes longer for each proposal of each sequence."""
    request_seconds: float = 0.0
    """From a request to its first token, over reading and the first pass."""
    read_seconds: float = 0.0
    """Per token of a prompt that no earlier request had."""
    beside: "SimulatedModel | None" = field(default=None, repr=False)
    """A model on the same processor."""
    contention: float = 1.0
    """Factor on a pass while that one is at work."""
    in_flight: int = 0
    most_in_flight: int = 0
    requests: int = 0
    drafts: int = 0
    proposed_tokens: int = 0
    accepted_tokens: int = 0
    suggested: DraftedSteps = field(default_factory=DraftedSteps)
    accompanied: dict[int, tuple[Accompanied, "SimulatedModel"]] = field(default_factory=dict, repr=False)
    worth: Worth = field(default_factory=Worth, repr=False)
    cache: PrefixCache = field(default_factory=PrefixCache, repr=False)

    @property
    def vocabulary(self) -> str:
        return self.words.name

    async def count(self) -> TokenSpeculation:
        """What its token-level speculation came to so far."""
        return TokenSpeculation(
            drafts=self.drafts, proposed_tokens=self.proposed_tokens, accepted_tokens=self.accepted_tokens
        )

    async def context_length(self) -> int:
        return self.context

    async def encode(self, text: str) -> list[int]:
        return self.words.encode(text)

    async def chat_prompt(self, messages: Sequence[Message]) -> list[int]:
        marks = {"system": USER, "user": USER, "assistant": ASSISTANT}
        plain = [marks[m.role] + m.content.replace(USER, " ").replace(ASSISTANT, " ") for m in messages]
        return self.words.encode("".join(plain) + ASSISTANT)

    def suggest(self, drafted: DraftedTokens) -> None:
        self.suggested.add(drafted)

    def accompany(self, sequence: Accompanied, draft: LanguageModel | None) -> None:
        if isinstance(draft, SimulatedModel):
            self.accompanied[sequence.name] = sequence, draft
            self.worth.begins_another()
        else:
            self.accompanied.pop(sequence.name, None)

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[Chunk, None]:
        if len(request.prompt) >= self.context:
            raise RequestRefused(f"the prompt of {len(request.prompt):,} tokens is too long for {self.name}")
        number, self.requests = self.requests, self.requests + 1
        failure = self.failures.get(number)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            due = asyncio.get_running_loop().time() + self.request_seconds
            if self.read_seconds:
                due += self.read_seconds * self.cache.read(request.prompt)
            origin = self._origin(request.prompt)
            tokens = _Upcoming(self.what_it_writes(request))
            written = 0
            said: list[int] = []
            ids: tuple[int, ...] = ()
            passes: tuple[int, ...] = ()
            for each in self._passes(request, tokens):
                if failure is not None and written >= failure.after_tokens:
                    await failure.happen(self.name)
                due += each.waits_s + self.seconds_per_token * self._cost(each.proposed)
                passed = tokens.take(1 + each.accepted)
                finish = passed[-1][1]
                written += len(passed)
                ids += tuple(token for token, _ in passed)
                passes += (len(passed),)
                boundary = self._completes([token for token, _ in passed], request.splits)
                if finish is not None or len(ids) >= self.chunk_tokens or boundary:
                    await _wait_until(due)
                    for begin, end in self._parts(ids, request.splits):
                        part, last = ids[begin:end], end == len(ids)
                        wrote = passes_between(passes, begin, end)
                        yield Chunk(part, self.words.decode(part), finish if last else None, origin, wrote)
                        said += part
                        if self._completes(part, request.splits):
                            origin = self._origin(request.prompt, said)
                    ids, passes = (), ()
                if finish is not None:
                    return
        finally:
            self.in_flight -= 1

    def _completes(self, ids: Sequence[int], marks: tuple[str, ...]) -> bool:
        """Whether one of the tokens completes a mark."""
        return any(mark in self.words.text(token) for token in ids for mark in marks)

    def _parts(self, ids: tuple[int, ...], marks: tuple[str, ...]) -> Iterator[tuple[int, int]]:
        """Where the parts of a chunk begin and end that is split behind the ids that complete a mark."""
        ends = [n for n in range(1, len(ids)) if any(mark in self.words.text(ids[n - 1]) for mark in marks)]
        return pairwise([0, *ends, len(ids)])

    async def choose(self, prompt: Sequence[int], choices: Sequence[str]) -> dict[str, float]:
        """Scores the last step of the answer: digits high where it means what the story says, else low."""
        await asyncio.sleep(self.choose_seconds)
        answer = self._answer(prompt)
        cut = answer.rstrip("\n").rfind("\n\n")
        before, step = (answer[: cut + 2], answer[cut + 2 :]) if cut >= 0 else ("", answer)
        same = first_difference(self.story.step(before, Voice.TARGET, 0), step) is None
        peak = 8.0 if same else 3.0
        weights = {c: math.exp(-((float(c) - peak) ** 2) / 2) if c.isdigit() else 1e-9 for c in choices}
        total = sum(weights.values())
        return {choice: math.log(weight / total) for choice, weight in weights.items()}

    def _answer(self, prompt: Sequence[int]) -> str:
        """The assistant's first turn: what has been written so far."""
        return self.words.decode(prompt).partition(ASSISTANT)[2].partition(USER)[0].partition(ASSISTANT)[0]

    def _origin(self, prompt: Sequence[int], said: Sequence[int] = ()) -> str:
        """Where the text of the step behind these comes from, for `Chunk`."""
        return ""

    def what_it_writes(self, request: GenerationRequest) -> Iterator[tuple[int, Finish | None]]:
        """(token id, finish) of everything the model writes for a request."""
        seed = request.seed if request.sampling.temperature > 0 else 0
        answer = self._answer(request.prompt)
        left = min(request.max_tokens, self.context - len(request.prompt))
        while not self.story.ended(answer):
            step = self.story.continuation(answer, self.voice, seed)
            answer += step
            tokens = self.words.encode(step)
            for index, token in enumerate(tokens, start=1):
                left -= 1
                stops = index == len(tokens) and any(mark in step for mark in request.stop)
                finish = Finish.STOP if stops else Finish.LENGTH if left == 0 else None
                yield token, finish
                if finish is not None:
                    return
        yield END_ID, Finish.END

    def _passes(self, request: GenerationRequest, tokens: "_Upcoming") -> Iterator["_Pass"]:
        """Passes, in each of which a token is written, and what is accepted of the proposals."""
        if self.speculation is None:
            yield from repeat(_ONE_TOKEN)
        most = min(request.max_tokens, self.context - len(request.prompt))
        chance = random.Random(f"{self.name} {request.seed} {len(request.prompt)}")
        written = list(request.prompt)
        while True:
            asked, waits_s = self._asked(written, most - 1)
            proposed, accepted = self._verified(written, tokens, most - 1, chance, asked)
            most -= 1 + accepted
            written += (token for token, _ in tokens.peek(1 + accepted))
            if asked is not None:
                self.worth.passed(self.seconds_per_token * self._cost(proposed), [(proposed, accepted)])
            yield _Pass(proposed, accepted, waits_s)

    def _asked(self, written: Sequence[int], room: int) -> tuple[list[int] | None, float]:
        """What the draft writes when it is asked, and its seconds; None where it is not to be asked."""
        if self.in_flight > 1 or not isinstance(self.speculation, DraftedSpeculation):
            return None, 0.0
        ending = written[-_REACH:]
        draft = next((draft for each, draft in self.accompanied.values() if each.begins(ending, len(written))), None)
        if draft is None:
            return None, 0.0
        most = self.worth.draft(min(self.speculation.tokens, room), draft.request_seconds, draft.seconds_per_token)
        request = GenerationRequest(list(written), most) if most > 0 else None
        tokens = [token for token, _ in islice(draft.what_it_writes(request), most)] if request is not None else []
        reading = draft.read_seconds * draft.cache.read(written) if draft.read_seconds else 0.0
        return tokens, draft.request_seconds + reading + len(tokens) * draft.seconds_per_token

    def _verified(
        self,
        written: Sequence[int],
        tokens: "_Upcoming",
        room: int,
        chance: random.Random,
        asked: Sequence[int] | None,
    ) -> tuple[int, int]:
        """Proposals of one pass, at most `room`, and the accepted ones; counted. `tokens` are what will be written."""
        match self.speculation:
            case SimulatedSpeculation(tokens=most, acceptance=acceptance):
                proposed = min(most, room)
                right = (chance.random() < acceptance for _ in range(proposed))
            case DraftedSpeculation(tokens=most):
                found = asked or self.suggested.continuation(written[-_REACH:], len(written), min(most, room))
                proposed = len(found)
                coming = [token for token, _ in tokens.peek(proposed)]
                right = (guess == token for guess, token in zip(found, coming, strict=False))
            case None:
                return 0, 0
        if proposed < 1:
            return 0, 0
        accepted = sum(takewhile(bool, right))
        self.drafts += 1
        self.proposed_tokens += proposed
        self.accepted_tokens += accepted
        return proposed, accepted

    def _cost(self, proposed: int) -> float:
        """Of a pass with so many proposals for each sequence, over that of one sequence without any."""
        if self.batch_cost:
            factor = self.batch_cost[min(self.in_flight, len(self.batch_cost)) - 1]
        else:
            factor = 1 + self.batch_growth * (self.in_flight - 1)
        contended = self.contention if self.beside is not None and self.beside.in_flight else 1.0
        return (factor + self.proposal_growth * proposed * self.in_flight) * contended


@dataclass(frozen=True, slots=True)
class _Pass:
    proposed: int
    accepted: int
    waits_s: float
    """Seconds for which the draft is waited for before it."""


_ONE_TOKEN = _Pass(proposed=0, accepted=0, waits_s=0.0)


class _Upcoming:
    """Tokens that will be written, seen a little ahead."""

    def __init__(self, tokens: Iterator[tuple[int, Finish | None]]) -> None:
        self._tokens = tokens
        self._seen: list[tuple[int, Finish | None]] = []

    def peek(self, count: int) -> list[tuple[int, Finish | None]]:
        """The next ones, fewer at the end; they are still to be taken."""
        self._seen += islice(self._tokens, max(0, count - len(self._seen)))
        return self._seen[:count]

    def take(self, count: int) -> list[tuple[int, Finish | None]]:
        """The next ones, fewer at the end."""
        taken = self.peek(count)
        del self._seen[:count]
        return taken


def _wait_until(due: float) -> asyncio.Future[None]:
    """Done at a moment of the loop's clock; deadlines add up, so lateness of one does not delay the next."""
    loop = asyncio.get_running_loop()
    moment: asyncio.Future[None] = loop.create_future()
    loop.call_at(due, _reach, moment)
    return moment


def _reach(moment: asyncio.Future[None]) -> None:
    if not moment.done():
        moment.set_result(None)
