"""A quick simulated profile for tests of runs."""

from lr_demo.config import Profile, parse_profile

TEXT = """
name: simulated-quick
description: no model, some milliseconds a token
servers:
  target: {engine: simulated, ms_per_token: 1.0}
  draft: {engine: simulated, ms_per_token: 0.3}
roles: {target: target, draft: draft, judge: target}
simulation: {steps: 6, tokens_per_step: 8, verdict_ms: 2}
"""
SLOW = TEXT.replace("ms_per_token: 1.0", "ms_per_token: 200.0").replace("simulated-quick", "simulated-slow")

STEADY = TEXT.replace("ms_per_token: 1.0", "ms_per_token: 60.0").replace("simulated-quick", "simulated-steady")


def quick_profile() -> Profile:
    return parse_profile(TEXT, "quick.yaml")


def slow_profile() -> Profile:
    """A run on it takes most of a minute: for stopping."""
    return parse_profile(SLOW, "slow.yaml")


def steady_profile() -> Profile:
    """A run on it takes some seconds: for what is shown meanwhile."""
    return parse_profile(STEADY, "steady.yaml")
