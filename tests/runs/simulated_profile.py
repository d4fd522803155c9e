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
REPLICAS = """
name: simulated-replicas
description: no model; a server for every role, and a second target that speculates tokens
servers:
  target: {engine: simulated, ms_per_token: 1.0}
  speculative: {engine: simulated, ms_per_token: 1.0, speculation: {tokens: 4, acceptance: 0.7}}
  draft: {engine: simulated, ms_per_token: 0.3}
  judge: {engine: simulated, ms_per_token: 0.3}
roles: {target: target, speculative_target: speculative, draft: draft, judge: judge}
simulation: {steps: 6, tokens_per_step: 8, verdict_ms: 2}
"""
DRAFTED = REPLICAS.replace("{tokens: 4, acceptance: 0.7}", "{method: drafted}").replace("replicas", "drafted")
"""The second target takes drafted steps as token proposals."""
SLOW = TEXT.replace("ms_per_token: 1.0", "ms_per_token: 400.0").replace("simulated-quick", "simulated-slow")

STEADY = TEXT.replace("ms_per_token: 1.0", "ms_per_token: 120.0").replace("simulated-quick", "simulated-steady")


def quick_profile() -> Profile:
    return parse_profile(TEXT, "quick.yaml")


def replicated_profile(ms_per_token: float = 1.0) -> Profile:
    """Plain and speculative target on servers of their own."""
    return parse_profile(REPLICAS.replace("ms_per_token: 1.0", f"ms_per_token: {ms_per_token}"), "replicas.yaml")


def drafted_profile() -> Profile:
    return parse_profile(DRAFTED, "drafted.yaml")


def slow_profile() -> Profile:
    """A run on it takes a minute or more: for stopping."""
    return parse_profile(SLOW, "slow.yaml")


def steady_profile() -> Profile:
    """A run on it takes some seconds: for what is shown meanwhile."""
    return parse_profile(STEADY, "steady.yaml")
