"""Figures come from what changed between readings of a server's counters."""

from dataclasses import replace

import pytest

from lr_demo.serving.rates import Meter, PrefixCache, ServerFigures, Speculation, together
from lr_demo.serving.telemetry import ServerMetrics

IDLE = ServerMetrics(
    running=0,
    waiting=0,
    written_tokens=0,
    prompt_tokens=0,
    cached_tokens=0,
    kv_cache_usage=None,
    drafts=0,
    proposed_tokens=0,
    accepted_tokens=0,
)


def test_a_rate_needs_two_readings_and_is_what_came_between_them() -> None:
    meter = Meter()
    first = meter.take(replace(IDLE, written_tokens=1000, prompt_tokens=500), 10.0)
    assert (first.tokens_per_s, first.prompt_tokens_per_s) == (None, None)
    second = meter.take(replace(IDLE, written_tokens=1090, prompt_tokens=560), 12.0)
    assert second.tokens_per_s == pytest.approx(45.0)
    assert second.prompt_tokens_per_s == pytest.approx(30.0)
    assert meter.take(replace(IDLE, written_tokens=1090, prompt_tokens=560), 13.0).tokens_per_s == 0.0


def test_readings_far_apart_say_nothing_of_the_speed_now() -> None:
    meter = Meter()
    meter.take(replace(IDLE, written_tokens=10), 0.0)
    assert meter.take(replace(IDLE, written_tokens=9_000), 300.0).tokens_per_s is None
    assert meter.take(replace(IDLE, written_tokens=9_020), 301.0).tokens_per_s == pytest.approx(20.0)


def test_counters_that_went_back_begin_anew() -> None:
    meter = Meter()
    meter.take(replace(IDLE, written_tokens=5_000, prompt_tokens=800, cached_tokens=400, drafts=50), 0.0)
    restarted = meter.take(replace(IDLE, written_tokens=40, prompt_tokens=100, cached_tokens=10), 1.0)
    assert restarted.tokens_per_s is None
    assert restarted.cache.hit_rate == pytest.approx(0.1)
    assert restarted.cache_lately.hit_rate is None
    assert meter.take(replace(IDLE, written_tokens=70, prompt_tokens=100, cached_tokens=10), 2.0).tokens_per_s == 30.0


def test_the_hit_rate_is_told_for_the_server_s_life_and_for_the_last_minute() -> None:
    meter = Meter()
    for second in range(200):  # half of every prompt is cached, in the last minute nine tenths
        cached = 50 * min(second, 139) + 90 * max(0, second - 139)
        figures = meter.take(replace(IDLE, prompt_tokens=100 * second, cached_tokens=cached), float(second))
    assert figures.cache_lately.hit_rate == pytest.approx(0.9)
    assert figures.cache_lately.prompt_tokens == 6_000
    assert figures.cache.hit_rate == pytest.approx((50 * 139 + 90 * 60) / 19_900)


def test_speculation_is_told_as_acceptance_and_as_tokens_a_pass() -> None:
    meter = Meter()
    before = meter.take(replace(IDLE, drafts=10, proposed_tokens=60, accepted_tokens=15), 0.0)
    assert before.speculation.acceptance_rate == pytest.approx(0.25)
    assert before.speculation.mean_accepted_length == pytest.approx(2.5)
    assert before.speculation_lately.mean_accepted_length is None
    after = meter.take(replace(IDLE, drafts=14, proposed_tokens=84, accepted_tokens=33), 1.0)
    assert after.speculation_lately.acceptance_rate == pytest.approx(0.75)
    assert after.speculation_lately.mean_accepted_length == pytest.approx(5.5)


def test_where_nothing_was_read_or_proposed_there_is_no_share() -> None:
    figures = Meter().take(IDLE, 0.0)
    assert figures.cache.hit_rate is None
    assert figures.speculation.acceptance_rate is None
    assert figures.speculation.mean_accepted_length is None


def test_tokens_of_requests_under_way_count_and_moving_to_the_counter_changes_nothing() -> None:
    meter = Meter()
    meter.take(replace(IDLE, written_tokens=700, unfinished_tokens=40), 0.0)
    assert meter.take(replace(IDLE, written_tokens=700, unfinished_tokens=70), 1.0).tokens_per_s == 30.0
    assert meter.take(replace(IDLE, written_tokens=790), 2.0).tokens_per_s == 20.0


def test_a_request_missed_in_one_reading_is_made_up_for_in_the_next() -> None:
    meter = Meter()
    meter.take(replace(IDLE, written_tokens=700, unfinished_tokens=40), 0.0)
    assert meter.take(replace(IDLE, written_tokens=700), 1.0).tokens_per_s == 0.0
    assert meter.take(replace(IDLE, written_tokens=790), 2.0).tokens_per_s == 50.0


def test_several_servers_together_are_the_sum_of_what_is_known_and_the_mean_of_their_caches() -> None:
    def figures(speed: float | None, usage: float | None, tokens: int) -> ServerFigures:
        cache, speculation = PrefixCache(100, tokens), Speculation(10, 60, tokens)
        return ServerFigures(2, 1, usage, speed, speed, cache, PrefixCache(10, 0), speculation, Speculation(0, 0, 0))

    whole = together([figures(40.0, 0.5, 30), figures(30.0, 0.25, 15), figures(None, None, 0)])
    assert whole == ServerFigures(
        running=6,
        waiting=3,
        kv_cache_usage=0.375,
        tokens_per_s=70.0,
        prompt_tokens_per_s=70.0,
        cache=PrefixCache(300, 45),
        cache_lately=PrefixCache(30, 0),
        speculation=Speculation(30, 180, 45),
        speculation_lately=Speculation(0, 0, 0),
    )
    unknown = together([figures(None, None, 0)] * 2)
    assert (unknown.tokens_per_s, unknown.kv_cache_usage) == (None, None)
