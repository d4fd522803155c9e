"""What can be expected of each scheme with given costs and work: speeds, what holds them back, the best setting."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from lr_demo.config import RunSettings
from lr_demo.prediction import (
    PLAIN,
    Bottleneck,
    Choice,
    Costs,
    Prediction,
    Workload,
    best_settings,
    bottleneck,
    choices,
    predict,
)


@dataclass(frozen=True, slots=True)
class Expectation:
    """One scheme."""

    name: str
    prediction: Prediction
    speedup: float
    """Over plain decoding."""
    bottleneck: Bottleneck


def expectation(costs: Costs, workload: Workload, choice: Choice, name: str = "") -> Expectation:
    """What can be expected of one choice."""
    plain = predict(costs, workload, replace(PLAIN, budget=choice.budget))
    found = predict(costs, workload, choice)
    return Expectation(
        name or scheme_name(choice),
        found,
        found.tokens_per_s / plain.tokens_per_s,
        bottleneck(costs, workload, choice),
    )


def expectations(
    costs: Costs, workload: Workload, settings: RunSettings, proposals: int = 0, drafted: bool = False
) -> list[Expectation]:
    """AR, SD, LR and LR+SD with the settings given, as far as costs are known, then the best setting of all."""
    ahead = settings.lookahead if costs.draft is not None else 0
    given = Choice(ahead, proposals, settings.width, settings.schedule, settings.parallel_budget, drafted)
    schemes = [PLAIN]
    if proposals:
        schemes.append(replace(given, lookahead=0))
    if ahead:
        schemes.append(replace(given, proposals=0, drafted=False))
    if proposals and ahead:
        schemes.append(given)
    found = [expectation(costs, workload, each) for each in schemes]
    best = best_choice(costs, workload, (proposals,) if proposals else (), drafted, settings.parallel_budget)
    return [*found, expectation(costs, workload, best, "best")]


def best_choice(costs: Costs, workload: Workload, proposals: Sequence[int], drafted: bool, budget: int) -> Choice:
    """The fastest of the settings."""
    among: Iterable[Choice] = choices(
        proposals=proposals, drafted=drafted, drafts=costs.draft is not None, budget=budget
    )
    return best_settings(costs, workload, among).choice


def scheme_name(choice: Choice) -> str:
    """AR, SD, LR or LR+SD; and where the proposals come from."""
    names = [name for name, part in (("LR", choice.lookahead), ("SD", choice.proposals)) if part]
    return ("+".join(names) or "AR") + (" drafted" if choice.drafted and choice.proposals else "")


def setting_words(choice: Choice) -> str:
    """A choice in a few characters."""
    words = []
    if choice.lookahead:
        words = [f"γ{choice.lookahead}", f"W{choice.width}", choice.schedule.value]
    if choice.proposals:
        words.append(f"k{choice.proposals}")
    return " ".join(words) or "plain"


_BOTTLENECKS = {
    Bottleneck.PARALLELISM: "spare parallelism: several sequences at once cost the target too much more than one",
    Bottleneck.DRAFT: "draft speed: the steps come too slowly",
    Bottleneck.ACCEPTANCE: "acceptance: too few drafted steps are kept",
    Bottleneck.VERDICTS: "verdicts: the answer waits for them",
    Bottleneck.TARGET: "the target's own speed",
}


def bottleneck_words(what: Bottleneck, choice: Choice) -> str:
    """What holds a choice back, in words."""
    if what is Bottleneck.ACCEPTANCE and not choice.lookahead:
        return "acceptance: too few proposed tokens are right"
    return _BOTTLENECKS[what]
