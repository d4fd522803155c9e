"""The places of one target server, shared by the runs on it: roots first, then round evenly as long as it pays."""

import asyncio
import heapq
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import NamedTuple

from lr_demo.config import RunSettings
from lr_demo.decoding.admission import Acceptance, BatchCost
from lr_demo.decoding.slots import Start
from lr_demo.decoding.step import Emit
from lr_demo.events import Event, Role, StepCancelled, StepCommitted, StepDelta, StepFinished


class _Request(NamedTuple):
    step: int
    order: int
    start: Start
    needed: bool


class _Rank(NamedTuple):
    """The run whose rank is least gets the next place."""

    ahead: bool
    """Its most urgent expansion is ahead of its root."""
    first: int
    """Roots: first come, first served. Ahead: the run with the fewest places."""
    turn: int
    run: int


class Budget:
    """What a target decodes at once, for all runs on it: at most the largest parallel budget (M) among them.

    A free place goes to a waiting root expansion, first come, first served; else to an expansion ahead, of the run
    that holds the fewest places, so that the surplus goes round evenly. For a run that holds none and waits for
    none a place is kept. With a `cost`, an expansion ahead starts only where it pays: `Share.pays`.

    Work starts inside the calls of a share; nothing waits or polls. A place costs O(log runs), but a look at
    every run that waits where some are refused.
    """

    def __init__(self, places: int | None = None, cost: BatchCost | None = None) -> None:
        """`places`: sequences that the server itself decodes at once; None: no limit of its own."""
        self._places = places
        self.cost = cost
        self.limit = 0
        """Most sequences in flight."""
        self.in_flight = 0
        self.changes = 0
        """Of the number in flight, so far."""
        self.worth = 0.0
        """Sequences in flight, each counted by the chance that it is of use. Kept where there is a cost."""
        self._shares: set[Share] = set()
        self._idle = 0
        self._ranked: list[tuple[_Rank, Share]] = []
        self._numbers = itertools.count()

    @property
    def runs(self) -> int:
        """Runs that share it now."""
        return len(self._shares)

    @contextmanager
    def join(self, settings: RunSettings, *, draft_disturbs: bool = False) -> Iterator["Share"]:
        """A run's share. What it still holds or waits for at the end is given back.

        `draft_disturbs`: the draft has no device of its own, and while it writes all runs on the target wait.
        """
        share = Share(self, settings, self.number(), draft_disturbs=draft_disturbs)
        self._shares.add(share)
        self._set_limit()
        self.update(share)
        try:
            yield share
        finally:
            self._shares.discard(share)
            self._set_limit()
            self.flow(-share.withdraw())
            self.update(share)
            self.fill()

    @property
    def crowded(self) -> bool:
        """Whether a place that is held without need would be missed."""
        wanted = self.in_flight >= self.limit and any(share.waits for share in self._shares)
        return wanted or self.in_flight + self._idle > self.limit

    def number(self) -> int:
        """The next of a rising sequence."""
        return next(self._numbers)

    def flow(self, by: int) -> None:
        """So many sequences more are in flight."""
        if by:
            self.in_flight += by
            self.changes += 1

    def update(self, share: "Share") -> None:
        """A share has changed: where it stands, and what its sequences are worth."""
        self._idle += share.now_idle()
        if self.cost is not None:
            self.worth += share.revalued()
        rank = share.ranked()
        if rank is not None:
            if len(self._ranked) > 4 * len(self._shares) + 16:  # mostly ranks of before
                self._ranked = [(each.rank, each) for each in self._shares if each.rank is not None]
                heapq.heapify(self._ranked)
            else:
                heapq.heappush(self._ranked, (rank, share))

    def fill(self) -> None:
        """Give away what is free."""
        refused: list[tuple[_Rank, Share]] = []
        while self._ranked and self.in_flight < self.limit:
            rank, share = heapq.heappop(self._ranked)
            if rank != share.rank:
                continue  # it has moved since
            if rank.ahead and not (self.in_flight + self._idle < self.limit and share.pays_next()):
                refused.append((rank, share))
                continue
            share.rank = None
            self.flow(share.start_next())
            self.update(share)
        for each in refused:
            heapq.heappush(self._ranked, each)

    def _set_limit(self) -> None:
        most = max((share.most for share in self._shares), default=0)
        self.limit = most if self._places is None else min(most, self._places)


class Share:
    """One run's part of a budget."""

    def __init__(self, budget: Budget, settings: RunSettings, number: int, *, draft_disturbs: bool = False) -> None:
        self.most = settings.parallel_budget
        self.rank: _Rank | None = None
        self._budget, self._width, self._number = budget, settings.width, number
        self._draft_disturbs = draft_disturbs
        self._root = 0
        self._waiting: list[_Request] = []
        self._running: Counter[int] = Counter()
        """Sequences in flight by the step that they write."""
        self._held = 0
        self._served = number
        self._left = False
        self._idle = False
        self._worth = 0.0
        self._acceptance = Acceptance()
        self._last: dict[int, tuple[float, int]] = {}
        """Position to when its last delta came, and the budget's changes until then."""

    # For the run.

    @property
    def alone(self) -> bool:
        """Whether no other run has the target now."""
        return self._budget.runs == 1

    def request(self, step: int, start: Start, *, needed: bool = False) -> None:
        """Start the expansion of a step now, or when there is a place for it.

        `needed`: the run waits for it wherever it stands, as the synchronous schedule does: it has to pay nothing.
        """
        heapq.heappush(self._waiting, _Request(step, self._budget.number(), start, needed))
        self._changed()

    def release(self, step: int) -> None:
        """The expansion of a step has ended."""
        if self._left:
            return
        self._held -= 1
        self._running[step] -= 1
        if not self._running[step]:
            del self._running[step]
        self._budget.flow(-1)
        self._changed()

    def go_on(self, step: int) -> None:
        """The sequence that wrote this step writes the one behind it."""
        self._running[step] -= 1
        if not self._running[step]:
            del self._running[step]
        self._running[step + 1] += 1
        self._changed()

    def may_go_on(self) -> bool:
        """Whether it pays that the root's sequence goes on behind its own step while that is judged.

        It is of use where the drafted step is rejected. The verdict counts as the sequence that the root had: the judge
        may be on the same server, and what holds it up holds up the root.
        """
        budget = self._budget
        if budget.crowded:
            return False
        growth = None if budget.cost is None else budget.cost.growth(budget.in_flight, _now())
        return growth is None or 1 - self._acceptance.rate > budget.worth * growth

    def advance(self, root: int) -> None:
        """The root is now at this step: its expansion comes before all that are ahead of it."""
        self._root = root
        self._changed()

    def pays(self, step: int) -> bool:
        """Whether an expansion of that step is let in as things are; where not, drafting the step before has no use.

        With t(n) the time of a pass over n sequences, of which S are of use, one more that is of use with chance w
        pays where (S + w) / t(n + 1) > S / t(n): it brings more than it costs those that run. An expansion d
        steps ahead of the root is of use with chance α^d. Where the draft disturbs, none pays beside other runs.
        """
        if self._draft_disturbs and not self.alone and step > self._root:
            return False
        cost = self._budget.cost
        if cost is None or step <= self._root:
            return True
        if self._budget.runs >= self._budget.limit:
            return False
        return self._gains(step, unknown=True)

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """One place as long as this is open, for a run that never has more than one sequence in flight."""
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def start() -> bool:
            if ready.done():
                return False
            ready.set_result(None)
            return True

        root = self._root
        self.request(root, start)
        try:
            await ready
            yield
        finally:
            if ready.done() and not ready.cancelled():
                self.release(root)

    @property
    def listener(self) -> Emit | None:
        """Takes in what the run's events tell of the target's pace and of acceptance; None where that is of no use."""
        return None if self._budget.cost is None else self._watch

    # For the budget.

    @property
    def waits(self) -> bool:
        """Whether it has asked for a place that it does not have."""
        return bool(self._waiting)

    def pays_next(self) -> bool:
        """Whether the most urgent request, which is ahead of the root, may start."""
        request = self._waiting[0]
        return request.needed or self._budget.cost is None or self._gains(request.step, unknown=False)

    def start_next(self) -> int:
        """Start the most urgent request; returns how many sequences that puts in flight."""
        request = heapq.heappop(self._waiting)
        if not request.start():
            return 0
        self._held += 1
        self._running[request.step] += 1
        self._served = self._budget.number()
        return 1

    def ranked(self) -> _Rank | None:
        """The rank, where it is a new one."""
        rank = self._rank()
        if rank == self.rank:
            return None
        self.rank = rank
        return rank

    def now_idle(self) -> int:
        """By how many (1, 0 or -1) there are now more runs that hold nothing and wait for nothing."""
        before, self._idle = self._idle, not self._left and not self._held and not self._waiting
        return self._idle - before

    def revalued(self) -> float:
        """By how much the worth of what is in flight has changed."""
        before = self._worth
        self._worth = sum(count * self._use(step) for step, count in self._running.items())
        return self._worth - before

    def withdraw(self) -> int:
        """The run has ended; returns how many places it still held."""
        held, self._held, self._left = self._held, 0, True
        self._waiting.clear()
        self._running.clear()
        return held

    def _changed(self) -> None:
        self._budget.update(self)
        self._budget.fill()

    def _rank(self) -> _Rank | None:
        if not self._waiting or self._held >= self.most:
            return None
        first = self._waiting[0]
        if first.step <= self._root:
            return _Rank(False, first.order, 0, self._number)
        return _Rank(True, self._held, self._served, self._number)

    def _use(self, step: int) -> float:
        """The chance that an expansion of this step is of use; alternatives of a position are held for equally good."""
        ahead = max(0, step - self._root)
        return float((self._acceptance.rate / self._width) ** ahead)

    def _gains(self, step: int, unknown: bool) -> bool:
        """Whether one more expansion brings more than it costs; `unknown` where what it costs is not measured yet."""
        budget = self._budget
        assert budget.cost is not None
        if not budget.in_flight:
            return True
        growth = budget.cost.growth(budget.in_flight, _now())
        return unknown if growth is None else self._use(step) > budget.worth * growth

    def _watch(self, event: Event) -> None:
        match event:
            case StepDelta(role=Role.TARGET, position=position):
                self._measure(position)
            case StepFinished(role=Role.TARGET, position=position) | StepCancelled(role=Role.TARGET, position=position):
                self._last.pop(position, None)
            case StepCommitted(outcome=outcome):
                self._acceptance.committed(outcome)

    def _measure(self, position: int) -> None:
        """A delta of the target: with the one before it, a measurement, if so many were in flight all the time."""
        budget, now = self._budget, _now()
        before = self._last.get(position)
        self._last[position] = now, budget.changes
        if before is None or before[1] != budget.changes or budget.cost is None:
            return
        if budget.cost.add(budget.in_flight, now - before[0], now):
            budget.fill()


def _now() -> float:
    return asyncio.get_running_loop().time()
