"""From a server's counters, read again and again: how fast it is, how much it reuses, how often proposals are right."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from lr_demo.serving.telemetry import ServerMetrics

WINDOW_S = 60.0
"""How far back "lately" goes, seconds."""
_LONGEST_GAP_S = 15.0
"""Two readings further apart say nothing of how fast the server is now."""
_COUNTERS = ("written_tokens", "prompt_tokens", "cached_tokens", "drafts", "proposed_tokens", "accepted_tokens")


@dataclass(frozen=True, slots=True)
class PrefixCache:
    """What was read of prompts over some time."""

    prompt_tokens: int
    cached_tokens: int
    """Of these, taken from the cache instead of being read again."""

    @property
    def hit_rate(self) -> float | None:
        """0 to 1; None where no prompt came."""
        return self.cached_tokens / self.prompt_tokens if self.prompt_tokens > 0 else None


@dataclass(frozen=True, slots=True)
class Speculation:
    """What became of the tokens that were proposed over some time."""

    drafts: int
    """Passes that had proposals."""
    proposed_tokens: int
    accepted_tokens: int

    @property
    def acceptance_rate(self) -> float | None:
        """Share of the proposed tokens that were accepted, 0 to 1; None where none was proposed."""
        return self.accepted_tokens / self.proposed_tokens if self.proposed_tokens > 0 else None

    @property
    def mean_accepted_length(self) -> float | None:
        """Tokens that a pass with proposals yields, the target's own one among them; None where there was no pass."""
        return 1 + self.accepted_tokens / self.drafts if self.drafts > 0 else None


@dataclass(frozen=True, slots=True)
class ServerFigures:
    """What a server is doing."""

    running: int
    """Requests being worked on."""
    waiting: int
    """Requests that wait for room."""
    kv_cache_usage: float | None
    """Share of the KV cache in use, 0 to 1; None where the server does not say."""
    tokens_per_s: float | None
    """Tokens written, since the reading before; None where there is none to compare with."""
    prompt_tokens_per_s: float | None
    """Tokens of prompts, those from the cache among them."""
    cache: PrefixCache
    """Since the server started."""
    cache_lately: PrefixCache
    """Within the last minute."""
    speculation: Speculation
    """Since the server started."""
    speculation_lately: Speculation
    """Within the last minute."""


def together(figures: Sequence[ServerFigures]) -> ServerFigures:
    """Several servers as one: what is counted is added up, what is known of it; the use of the KV cache is the mean."""
    usages = [usage for each in figures if (usage := each.kv_cache_usage) is not None]
    return ServerFigures(
        running=sum(each.running for each in figures),
        waiting=sum(each.waiting for each in figures),
        kv_cache_usage=sum(usages) / len(usages) if usages else None,
        tokens_per_s=_sum([each.tokens_per_s for each in figures]),
        prompt_tokens_per_s=_sum([each.prompt_tokens_per_s for each in figures]),
        cache=_caches([each.cache for each in figures]),
        cache_lately=_caches([each.cache_lately for each in figures]),
        speculation=_speculations([each.speculation for each in figures]),
        speculation_lately=_speculations([each.speculation_lately for each in figures]),
    )


def _sum(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _caches(caches: Sequence[PrefixCache]) -> PrefixCache:
    return PrefixCache(sum(each.prompt_tokens for each in caches), sum(each.cached_tokens for each in caches))


def _speculations(speculations: Sequence[Speculation]) -> Speculation:
    return Speculation(
        sum(each.drafts for each in speculations),
        sum(each.proposed_tokens for each in speculations),
        sum(each.accepted_tokens for each in speculations),
    )


@dataclass(frozen=True, slots=True)
class _Reading:
    at: float
    metrics: ServerMetrics
    written: int
    """Tokens, those of requests under way among them; never less than before."""


class Meter:
    """Remembers the readings of one server for a minute."""

    def __init__(self) -> None:
        self._readings: deque[_Reading] = deque()

    def take(self, metrics: ServerMetrics, at: float) -> ServerFigures:
        """The figures after one more reading, made at second `at`. Counters that went back belong to a new process."""
        if self._readings and _went_back(self._readings[-1].metrics, metrics):
            self._readings.clear()
        before = self._readings[-1] if self._readings else None
        written = metrics.written_tokens + metrics.unfinished_tokens
        if before is not None:  # a request that ended while it was asked was missed this once
            written = max(written, before.written)
        self._readings.append(_Reading(at, metrics, written))
        while len(self._readings) > 2 and self._readings[1].at <= at - WINDOW_S:
            self._readings.popleft()  # what stays first is the last reading from before the window, or its first
        base = self._readings[0].metrics
        elapsed = _elapsed(before, at)
        written_before = before.written if before else 0
        read_before = before.metrics.prompt_tokens if before else 0
        return ServerFigures(
            running=metrics.running,
            waiting=metrics.waiting,
            kv_cache_usage=metrics.kv_cache_usage,
            tokens_per_s=(written - written_before) / elapsed if elapsed else None,
            prompt_tokens_per_s=(metrics.prompt_tokens - read_before) / elapsed if elapsed else None,
            cache=PrefixCache(metrics.prompt_tokens, metrics.cached_tokens),
            cache_lately=PrefixCache(
                metrics.prompt_tokens - base.prompt_tokens, metrics.cached_tokens - base.cached_tokens
            ),
            speculation=Speculation(metrics.drafts, metrics.proposed_tokens, metrics.accepted_tokens),
            speculation_lately=Speculation(
                metrics.drafts - base.drafts,
                metrics.proposed_tokens - base.proposed_tokens,
                metrics.accepted_tokens - base.accepted_tokens,
            ),
        )


def _elapsed(before: _Reading | None, at: float) -> float | None:
    """Seconds since the reading before; None where it says nothing of now."""
    if before is None or not 0 < at - before.at <= _LONGEST_GAP_S:
        return None
    return at - before.at


def _went_back(before: ServerMetrics, now: ServerMetrics) -> bool:
    return any(getattr(now, counter) < getattr(before, counter) for counter in _COUNTERS)
