"""The judge's reason for one compared step of a run: which steps are meant, whether it can be asked, what it said."""

import asyncio
from dataclasses import dataclass

from lr_demo import limits
from lr_demo.config import Profile
from lr_demo.errors import ModelError, UserError
from lr_demo.events import Role
from lr_demo.run_state import StepKey, StepPhase
from lr_demo.runs.baselines import fingerprint
from lr_demo.runs.race import RunHandle
from lr_demo.runs.roles import playable
from lr_demo.runs.summary import WITHOUT_VERIFIER
from lr_demo.verification.reason import Reasoner


@dataclass(frozen=True)
class ComparedPair:
    """A drafted step and the target's step that it was compared with."""

    drafted: str
    target: str


@dataclass(frozen=True)
class Reason:
    """What the judge said when it was asked afterwards. It is no part of the run: no event of it, not in its trace."""

    text: str
    """What a model wrote: untrusted."""
    model: str
    simulated: bool
    """True where no model was asked: the numbers of the two steps were compared."""
    seconds: float


def judge_for(profile: Profile, handle: RunHandle) -> str:
    """The model that can be asked about a run's verdicts: the judge, where the run's own servers are the loaded ones.

    Empty where there is none.
    """
    judge, started = profile.roles.judge, handle.started
    if judge is None or not handle.settings.mode.compares_steps:
        return ""
    if started is not None:
        ours = {fingerprint(profile, played) for played in playable(profile, handle.settings)}
        if started.profile != profile.name or started.fingerprint not in ours:
            return ""
    return profile.servers[judge].model


def compared_pair(handle: RunHandle, position: int, alternative: int) -> ComparedPair:
    """The two texts of a verdict: O(events).

    Raises:
        UserError: no verifier compared such a step in this run.
    """
    steps = handle.state().steps
    drafted, target = steps.get(StepKey(position, Role.DRAFT, alternative)), steps.get(StepKey(position, Role.TARGET))
    verdict = drafted.verdict if drafted is not None else None
    if drafted is None or verdict is None or verdict.method in WITHOUT_VERIFIER:
        raise UserError(f"no verifier compared a drafted step {alternative} at position {position} of run {handle.id}")
    if target is None or target.ended is None or target.phase is StepPhase.CANCELLED:
        raise UserError(f"the target’s step at position {position} of run {handle.id} was never written to its end")
    return ComparedPair(drafted.text, target.text)


async def given_reason(reasoner: Reasoner, pair: ComparedPair, profile: Profile) -> Reason:
    """What the profile's judge says of a pair.

    Raises:
        ModelError: it says nothing within `limits.REASON_S`, or its server failed.
    """
    clock = asyncio.get_running_loop().time
    began = clock()
    try:
        async with asyncio.timeout(limits.REASON_S):
            text = await reasoner.why(pair.drafted, pair.target)
    except TimeoutError:
        raise ModelError(
            f"the judge gave no reason within {limits.REASON_S:g} s: it hangs, or its server has too much to do"
        ) from None
    judge = profile.roles.judge
    return Reason(text, profile.servers[judge].model if judge else "", profile.simulated, clock() - began)
