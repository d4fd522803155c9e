"""From two steps to a verdict: what needs no verifier, the verifier's answer, and what happens when it fails."""

import asyncio

from lr_demo import limits
from lr_demo.decoding.attendance import Attendance
from lr_demo.decoding.step import Emit, Step
from lr_demo.errors import ModelError, RequestRefused
from lr_demo.events import Role, StepFinish, Verdict, VerdictStarted
from lr_demo.verification.protocol import Comparison, DraftedStep, Foresight, Judgement, Verifier


class Judging:
    """Gives verdicts on drafted steps; without a verifier that works, drafted steps are rejected, visibly."""

    def __init__(self, verifier: Verifier, question: str, same_vocabulary: bool, emit: Emit) -> None:
        self._verifier, self._question, self._emit = verifier, question, emit
        self._same_vocabulary = same_vocabulary
        self.attendance = Attendance(Role.JUDGE, emit, self._attempt)
        """Open it while there are verdicts to give."""
        self._unanswered: Comparison | None = None

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
        if self.attendance.away:
            return self._say(position, alternative, False, "error", f"the {self._verifier.method} verifier is away")
        return None

    def foresee(self, drafted: Step, drafted_target_ids: tuple[int, ...], seed: int) -> Foresight | None:
        """What tells, while the target still writes its step, that this drafted one will be rejected.

        Whoever learns of a reject by it says so with `foreseen`, and asks for no verdict any more.
        """
        return self._verifier.foresee(DraftedStep(drafted.text, drafted_target_ids, self._same_vocabulary, seed))

    def foreseen(self, position: int, alternative: int, reason: str) -> None:
        """A reject that was certain before the target's step was complete."""
        self._say(position, alternative, False, self._verifier.method, reason)

    async def ask(
        self,
        position: int,
        alternative: int,
        drafted: Step,
        drafted_target_ids: tuple[int, ...],
        target: Step,
        seed: int,
    ) -> bool:
        """The verifier's verdict; an error, or a wait longer than `limits.JUDGE_PATIENCE_S`, is a reject.

        After such a failure nobody asks the verifier for a verdict (`at_once` rejects) until it has given
        the one it failed to give.
        """
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
            judgement = await self._verified(comparison)
        except ModelError as error:
            if not isinstance(error, RequestRefused):  # a refusal is about this comparison alone
                self._unanswered = comparison
                self.attendance.lost(str(error))
            return self._say(position, alternative, False, "error", str(error), latency_s=clock() - began)
        self.attendance.works()
        return self._say(
            position, alternative, judgement.accepted, method, judgement.reason, judgement.score, clock() - began
        )

    async def _verified(self, comparison: Comparison) -> Judgement:
        try:
            async with asyncio.timeout(limits.JUDGE_PATIENCE_S):
                return await self._verifier.verify(comparison)
        except TimeoutError:
            raise ModelError(
                f"the {self._verifier.method} verifier gave no verdict within {limits.JUDGE_PATIENCE_S:g} s: it hangs, "
                "or its server has too much to do"
            ) from None

    async def _attempt(self) -> None:
        assert self._unanswered is not None
        await self._verified(self._unanswered)

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
