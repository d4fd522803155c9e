"""Runs of the profile `h100-simulated` in virtual time, by the real scheduler."""

import asyncio
from dataclasses import dataclass

from lr_demo.config import Mode, Profile, RunSettings, load_profile
from lr_demo.decoding.engine import decode
from lr_demo.errors import ServingError
from lr_demo.events import Event
from lr_demo.models.recorded import RecordedText
from lr_demo.models.virtual_time import run_virtual
from lr_demo.run_state import RunState, fold
from lr_demo.runs.recordings import INVENTED, recorded_text, recordings
from lr_demo.runs.roles import Casting
from lr_demo.serving.endpoint import Endpoint

PROFILE = load_profile("h100-simulated")
EGGS = recordings()[0].text
"""The recorded problem whose run looked furthest ahead."""


@dataclass(frozen=True)
class Replay:
    events: list[Event]
    state: RunState
    seconds: float

    @property
    def tokens_per_s(self) -> float:
        return sum(step.tokens for step in self.state.answer) / self.seconds


def settings(mode: Mode, **given: object) -> RunSettings:
    """The profile's own, with some changed."""
    return RunSettings.model_validate(
        {**PROFILE.defaults.model_dump(), "mode": mode, "max_tokens": 131_072, "step_cap": 512, **given}
    )


def replay(plan: RunSettings, text: RecordedText | None = EGGS, profile: Profile = PROFILE) -> Replay:
    """A run to its end; of invented text where `text` is None."""

    def no_endpoint(server: str) -> Endpoint:
        raise ServingError(f"the server {server} is simulated: it has no address")

    prompt = INVENTED if text is None else text.prompt

    async def run() -> Replay:
        cast = Casting(profile, no_endpoint, lambda _: None, lambda: None).cast(plan, recorded_text(profile, prompt))
        events, clock = list[Event](), asyncio.get_running_loop().time
        began = clock()

        def emit(event: Event) -> None:
            event.stamp("replay", len(events), clock() - began)
            events.append(event)

        await decode(prompt, plan, cast, emit, profile.system_prompt)
        return Replay(events, fold(events), clock() - began)

    return run_virtual(run())
