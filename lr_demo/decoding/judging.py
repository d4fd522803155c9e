"""From two steps to a verdict: what needs no verifier, the verifier's answer, and what happens when it fails."""

import asyncio

from lr_demo.decoding.step import Emit, Step
from lr_demo.errors import ModelError
from lr_demo.events import Role, RoleDegraded, RoleRecovered, StepFinish, Verdict, VerdictStarted
from lr_demo.verification.protocol import Comparison, Verifier

JUDGE_PATIENCE_S = 30.0
"""A verdict that takes longer is a reject, seconds."""
_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 30.0


class Judging:
    """Gives verdicts on drafted steps; without a verifier that works, drafted steps are rejected, visibly."""

    def __init__(self, verifier: Verifier, question: str, same_vocabulary: bool, emit: Emit) -> None:
        self._verifier, self._question, self._emit = verifier, question, emit
        self._same_vocabulary = same_vocabulary
        self._failed_until = 0.0
        self._pause = 0.0

    def at_once(self, position: int, alternative: int, drafted: Step, target: Step) -> bool | None:
        """The verdict where none has to be asked for, else None.

        Only one of the two ends the answer: a reject, for the target alone decides when to end. Text
        equal apart from white space and case: accepted, unless the verifier wants identity.
        """
        if (drafted.finish is StepFinish.END) != (target.finish is StepFinish.END):
            who = "draft" if drafted.finish is StepFinish.END else "target"
            return self._say(position, alternative, False, "ending", f"only the {who} ends the answer here")
        if not self._verifier.compares_identity and _normalized(drafted.text) == _normalized(target.text):
            return self._say(position, alternative, True, "identical", "equal apart from white space and case")
        if asyncio.get_running_loop().time() < self._failed_until:
            return self._say(position, alternative, False, "error", f"the {self._verifier.method} verifier is away")
        return None

    async def ask(
        self,
        position: int,
        alternative: int,
        drafted: Step,
        drafted_target_ids: tuple[int, ...],
        target: Step,
        seed: int,
    ) -> bool:
        """The verifier's verdict; an error or too long a wait is a reject."""
        method = self._verifier.method
        self._emit(VerdictStarted(position=position, alternative=alternative, method=method))
        clock = asyncio.get_running_loop().time
        began = clock()
        comparison = Comparison(
            question=self._question,
            drafted_text=drafted.text,
            target_text=target.text,
            drafted_ids=drafted_target_ids,
            target_ids=target.token_ids,
            same_vocabulary=self._same_vocabulary,
            seed=seed,
        )
        try:
            async with asyncio.timeout(JUDGE_PATIENCE_S):
                judgement = await self._verifier.verify(comparison)
        except (ModelError, TimeoutError) as error:
            reason = str(error) or f"no verdict within {JUDGE_PATIENCE_S:g} s"
            self._pause = min(2 * self._pause or _FIRST_PAUSE_S, _LONGEST_PAUSE_S)
            self._failed_until = clock() + self._pause
            self._emit(RoleDegraded(role=Role.JUDGE, reason=reason))
            return self._say(position, alternative, False, "error", reason, latency_s=clock() - began)
        if self._pause:
            self._pause = 0.0
            self._emit(RoleRecovered(role=Role.JUDGE))
        return self._say(
            position, alternative, judgement.accepted, method, judgement.reason, judgement.score, clock() - began
        )

    def _say(
        self,
        position: int,
        alternative: int,
        accepted: bool,
        method: str,
        reason: str,
        score: float | None = None,
        latency_s: float = 0.0,
    ) -> bool:
        self._emit(
            Verdict(
                position=position,
                alternative=alternative,
                accepted=accepted,
                method=method,
                score=score,
                reason=reason,
                latency_s=latency_s,
            )
        )
        return accepted


def _normalized(text: str) -> str:
    return " ".join(text.split()).casefold()
