"""`run`: one problem, its steps as they come, then the figures."""

import asyncio
import codecs
import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from lr_demo.cli.options import ProfileOption, chosen_profile
from lr_demo.cli.program import say
from lr_demo.config import (
    MAX_PROMPT_CHARACTERS,
    Mode,
    Profile,
    Proposals,
    Schedule,
    ScoreMethod,
    VerifierKind,
    check_prompt,
    parse_settings,
)
from lr_demo.errors import ConfigError
from lr_demo.runs.manager import RunManager
from lr_demo.runs.race import Race
from lr_demo.runs.roles import check_runnable
from lr_demo.terminal import RunView, phase_exit_code, show_fleet, show_start, show_summary

_MOST_BYTES = 4 * (MAX_PROMPT_CHARACTERS + 1)
"""More than a prompt may have, in the longest characters of UTF-8."""


def run(
    profile: ProfileOption = None,
    mode: Annotated[Mode | None, typer.Option(help="How to decode.")] = None,
    prompt: Annotated[str | None, typer.Option(help="The problem to solve.")] = None,
    prompt_file: Annotated[
        str | None, typer.Option(help="A text file that holds the problem; - reads it from standard input.")
    ] = None,
    lookahead: Annotated[int | None, typer.Option(help="γ: most drafted steps ahead of the accepted text.")] = None,
    width: Annotated[int | None, typer.Option(help="W: drafted alternatives per position.")] = None,
    parallel_budget: Annotated[int | None, typer.Option(help="M: most sequences the target decodes at once.")] = None,
    schedule: Annotated[Schedule | None, typer.Option(help="Asynchronous, or in batches.")] = None,
    proposals: Annotated[
        Proposals | None,
        typer.Option(
            help="SD and LR+SD on a target that takes drafted steps: its token proposals. "
            "Elsewhere it changes nothing, which is said."
        ),
    ] = None,
    verifier: Annotated[VerifierKind | None, typer.Option(help="What compares steps.")] = None,
    threshold: Annotated[
        float | None, typer.Option(help="Judge, embedding, random: 0 to 1. SpecReason: 0 to 9.")
    ] = None,
    score_method: Annotated[ScoreMethod | None, typer.Option(help="SpecReason: how the score is read.")] = None,
    first_target_steps: Annotated[int | None, typer.Option(help="SpecReason: first steps left to the target.")] = None,
    temperature: Annotated[
        float | None, typer.Option(help="0 is greedy. Default: what the model family recommends.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of every random choice.")] = None,
    max_tokens: Annotated[int | None, typer.Option(help="Token limit of the answer.")] = None,
    step_cap: Annotated[int | None, typer.Option(help="Most tokens of one step.")] = None,
    baseline: Annotated[
        bool | None,
        typer.Option(
            help="Measure plain decoding of the same prompt first, unless it was measured within four hours. "
            "Default: compare with it where it was, measure nothing."
        ),
    ] = None,
    remeasure: Annotated[bool, typer.Option(help="With --baseline: measure it again.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the summary as one JSON object and nothing else.")
    ] = False,
) -> int:
    """Solve one problem, show the steps as they come, then the figures.

    Exit code: 0 finished, 1 failed, 2 a mistake in what was asked, 130 stopped.
    """
    text = check_prompt(_prompt(prompt, prompt_file))
    console = Console(stderr=as_json)
    chosen = chosen_profile(profile)
    settings = parse_settings(
        chosen.defaults,
        {
            "mode": mode,
            "lookahead": lookahead,
            "width": width,
            "parallel_budget": parallel_budget,
            "schedule": schedule,
            "proposals": proposals,
            "verifier": verifier,
            "threshold": threshold,
            "score_method": score_method,
            "first_target_steps": first_target_steps,
            "temperature": temperature,
            "seed": seed,
            "max_tokens": max_tokens,
            "step_cap": step_cap,
        },
    )
    check_runnable(chosen, settings)  # before any server is started
    if proposals is not None and not (settings.mode.may_speculate_tokens and chosen.takes_drafted_steps):
        say(_without_drafted_proposals(proposals, settings.mode, chosen), style="yellow")
    with RunManager(chosen) as manager:
        if baseline is None:
            baseline = manager.find_baseline(text, settings) is not None
        race = manager.start(text, settings, baseline=baseline, remeasure=remeasure)
        asyncio.run(_watch(manager, race, console))
    summary = race.summary()
    if as_json:
        figures = summary.model_dump(mode="json")
        print(json.dumps({**figures, "trace": str(race.run.trace), "trace_error": race.run.log.trace_error}))
    else:
        show_summary(console, summary)
    if race.run.log.trace_error is not None:
        say(race.run.log.trace_error)
    elif not as_json:
        say(f"trace: {race.run.trace}", style="dim")
    return phase_exit_code(race.run.phase)


async def _watch(manager: RunManager, race: Race, console: Console) -> None:
    """Show a race until it ends. The first interrupt stops the run; what it had accepted is shown."""
    try:
        await show_fleet(Console(stderr=True), manager.follow_fleet())
        if race.baseline is not None and not race.baseline_cached:
            console.rule(Text("plain decoding, the baseline"))
            await show_start(Console(stderr=True), manager.follow_fleet(), race.baseline.log)
            with RunView(console) as view:
                await view.follow(race.baseline.log)
        console.rule(Text(str(race.run.settings.mode)))
        await show_start(Console(stderr=True), manager.follow_fleet(), race.run.log)
        with RunView(console) as view:
            await view.follow(race.run.log)
    except asyncio.CancelledError:
        say("stopping; interrupt again to leave at once")
        manager.stop(race.id)
        async for _ in race.run.log.follow(len(race.run.log) - 1):  # until its last event
            continue


def _prompt(prompt: str | None, file: str | None) -> str:
    if (prompt is None) == (file is None):
        raise ConfigError("give the problem with --prompt, or a file that holds it with --prompt-file (one of the two)")
    if prompt is not None:
        return prompt
    assert file is not None
    try:
        data = sys.stdin.buffer.read(_MOST_BYTES) if file == "-" else _head(Path(file))
        return codecs.getincrementaldecoder("utf-8")().decode(data, final=len(data) < _MOST_BYTES)
    except OSError as error:
        raise ConfigError(f"the prompt file {file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"the prompt file {file} is not UTF-8 text: byte {error.start} is wrong") from None


def _head(path: Path) -> bytes:
    """The file, or as much as is more than a prompt may hold."""
    with path.open("rb") as file:
        return file.read(_MOST_BYTES)


def _without_drafted_proposals(proposals: Proposals, mode: Mode, profile: Profile) -> str:
    """Why the choice of token proposals changes nothing in a run."""
    if not mode.speculates_tokens:
        return f"--proposals {proposals} changes nothing: mode {mode} is without token-level speculation"
    return (
        f"--proposals {proposals} changes nothing: no target of profile {profile.name} takes drafted steps "
        "(speculation of method drafted, with a draft)"
    )
