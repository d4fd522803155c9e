"""The form of a run offers what means something in a mode, on the servers of a profile."""

import asyncio

import gradio as gr
import pytest

from lr_demo.config import Mode, Profile, VerifierKind, load_profile
from lr_demo.ui.controls import Controls, applicable, build_controls
from tests.runs.simulated_profile import drafted_profile, quick_profile, replicated_profile


@pytest.mark.parametrize(
    ("profile", "modes"),
    [
        (drafted_profile(), {Mode.SPECULATIVE, Mode.LOOKAHEAD_SPECULATIVE, Mode.AUTO}),
        (replicated_profile(), set()),
        (quick_profile(), set()),
        (load_profile("remote"), set()),
    ],
    ids=lambda value: value.name if isinstance(value, Profile) else "",
)
def test_token_proposals_are_a_choice_only_where_a_target_takes_drafted_steps(
    profile: Profile, modes: set[Mode]
) -> None:
    async def build() -> Controls:  # Gradio makes a loop of its own, and leaves it open, where none is running
        with gr.Blocks():
            return build_controls(profile)

    controls = asyncio.run(build())
    assert controls.proposals.visible == (profile.defaults.mode in modes)
    shown = {
        mode for mode in Mode if applicable(controls, profile, mode, VerifierKind.JUDGE)[controls.proposals]["visible"]
    }
    assert shown == modes
