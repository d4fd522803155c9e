"""The command line: `python -m lr_demo run | serve | plan | probe | predict | export | doctor`."""

import asyncio
import codecs
import json
import signal
import socket
import sys
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.text import Text

from lr_demo.config import (
    MAX_PROMPT_CHARACTERS,
    Mode,
    Profile,
    Proposals,
    Schedule,
    ScoreMethod,
    VerifierKind,
    check_prompt,
    load_cost_sheet,
    load_profile,
    parse_settings,
)
from lr_demo.doctor import examine
from lr_demo.errors import ConfigError, LookaheadError, UserError
from lr_demo.forecast import expectations
from lr_demo.plan_view import plan_as_json, show_plan
from lr_demo.probe import SECONDS
from lr_demo.probe_view import expectation_as_json, show_costs, show_expectations, show_note
from lr_demo.runs.export_form import ExportForm
from lr_demo.runs.machine import machine_in_words
from lr_demo.runs.manager import RunManager
from lr_demo.runs.race import Race
from lr_demo.runs.recorded import open_race, open_run
from lr_demo.runs.roles import check_runnable
from lr_demo.runs.traces import TraceStore
from lr_demo.serving.cache import Cache
from lr_demo.serving.config_json import Architectures
from lr_demo.serving.hardware import choose_profile, inspect_hardware
from lr_demo.serving.placement import check_stated, gpu_supply
from lr_demo.serving.plan import make_plan
from lr_demo.serving.vllm_options import check_options
from lr_demo.terminal import RunView, phase_exit_code, plain, show_fleet, show_start, show_summary

PROGRAM = "python -m lr_demo"
DEFAULT_PORT = 7860
INTERRUPTED = 130
_MOST_BYTES = 4 * (MAX_PROMPT_CHARACTERS + 1)
"""More than a prompt may have, in the longest characters of UTF-8."""

app = typer.Typer(
    help="Lookahead reasoning on real models: watch it, run it, measure it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

ProfileOption = Annotated[
    str | None,
    typer.Option("--profile", help="Name of a profile, or path of a .yaml file. Default: what suits this machine."),
]


@app.command()
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
            help="Measure plain decoding of the same prompt first, unless it was measured before. "
            "Default: compare with it where it was measured before, measure nothing."
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
    chosen = _profile(profile)
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
        _say(_without_drafted_proposals(proposals, settings.mode, chosen), style="yellow")
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
        _say(race.run.log.trace_error)
    elif not as_json:
        _say(f"trace: {race.run.trace}", style="dim")
    return phase_exit_code(race.run.phase)


@app.command()
def serve(
    profile: ProfileOption = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 for every network of this machine.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port of the page.", min=1, max=65535)] = DEFAULT_PORT,
) -> int:
    """Start the application: the page is up at once, the models load meanwhile."""
    chosen = _profile(profile)
    _check_port(host, port)
    from lr_demo.ui.server import serve as serve_pages  # brings gradio with it: seconds that other commands save

    with RunManager(chosen) as manager:
        _say(f"Lookahead Live comes up on http://{host}:{port} (Ctrl-C ends it)")
        serve_pages(manager, host=host, port=port)
    return 0


@app.command()
def plan(
    profile: Annotated[
        str | None, typer.Argument(help="Name of a profile, or path of a .yaml file. Default: what suits this machine.")
    ] = None,
    gpus: Annotated[int | None, typer.Option(help="Plan for so many GPUs, not for those of this machine.")] = None,
    gpu_memory_gib: Annotated[float | None, typer.Option(help="Memory of each of these GPUs, GiB.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the plan as one JSON object and nothing else.")
    ] = False,
) -> int:
    """Say what a profile would start, where, and whether it fits. Starts nothing.

    Exit code: 0 it fits, 2 it does not, or a mistake in the profile.
    """
    check_stated(gpus, gpu_memory_gib)
    chosen, cache, hardware = _profile(profile), Cache.default(), inspect_hardware()
    supply = gpu_supply(chosen, hardware, gpus, gpu_memory_gib)
    made = make_plan(chosen, supply, hardware.memory, cache, Architectures(cache), check_options)
    if as_json:
        print(json.dumps(plan_as_json(made)))
    else:
        show_plan(Console(), made)
    return 0 if made.fits else 2


@app.command()
def probe(
    profile: Annotated[
        str | None, typer.Argument(help="Name of a profile, or path of a .yaml file. Default: what suits this machine.")
    ] = None,
    seconds: Annotated[
        float, typer.Option(help="Time to measure for, once the servers are up.", min=5, max=600)
    ] = SECONDS,
    speculative: Annotated[
        bool | None, typer.Option(help="Measure the target of SD too. Default: where it does not start on demand.")
    ] = None,
    verifier: Annotated[VerifierKind | None, typer.Option(help="What compares steps.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print costs and predictions as one JSON object and nothing else.")
    ] = False,
) -> int:
    """Measure what a profile's servers take, and predict the speed of AR, SD, LR and LR+SD and the best setting."""
    from lr_demo.runs.probes import ProbeStore, proposals_of
    from lr_demo.runs.probing import probe_profile
    from lr_demo.runs.workloads import recorded_workload

    chosen = _profile(profile)
    settings = parse_settings(chosen.defaults, {"verifier": verifier})
    console, told = Console(stderr=as_json), Console(stderr=True)
    record = asyncio.run(
        probe_profile(
            chosen,
            settings,
            machine_in_words(),
            partial(show_fleet, told),
            seconds=seconds,
            speculative=speculative,
        )
    )
    recorded = recorded_workload(TraceStore(), chosen, settings, proposals_of(chosen, settings)[0])
    work = recorded.fitted(record.tokens_a_pass, record.proposals)
    expected = expectations(record.costs, work, settings, record.proposals, record.drafted)
    if as_json:
        rows = [expectation_as_json(each) for each in expected]
        print(json.dumps({**record.model_dump(mode="json"), "acceptance": recorded.source, "expected": rows}))
        ProbeStore().keep(chosen, record)
        return 0
    show_costs(console, record.costs, record.verifier)
    for each in record.left_out:
        show_note(console, f"not measured, for want of time: {each}")
    show_expectations(console, expected, "simulated costs, predicted speeds" if record.simulated else "Predicted")
    show_note(console, f"Acceptance of steps: {recorded.source}. Speeds are predicted, costs were measured just now.")
    if not record.proposals and chosen.roles.speculative_target is not None:
        show_note(console, "SD and LR+SD: not probed; --speculative starts their server and measures it too.")
    _say(f"kept: {ProbeStore().keep(chosen, record)}", style="dim")
    return 0


@app.command()
def predict(
    file: Annotated[str, typer.Argument(help="A .yaml file of costs, as configs/costs/h100.yaml.")],
) -> int:
    """Say what the cost model expects of servers that are not here, from costs in a file. Starts nothing."""
    from lr_demo.cost_sheet_view import show_cost_sheet

    show_cost_sheet(Console(), load_cost_sheet(file))
    return 0


@app.command()
def export(
    run: Annotated[str, typer.Argument(help="Id of a run that has ended, or path of its trace (RUN.jsonl).")],
    form: Annotated[
        ExportForm,
        typer.Option("--as", help="Its trace, a trace for ui.perfetto.dev, or one page that opens anywhere, offline."),
    ] = ExportForm.HTML,
    out: Annotated[
        str | None, typer.Option(help="File to write; - for standard output. Default: named by the run.")
    ] = None,
) -> int:
    """Save a recorded run as a file. Starts nothing."""
    from lr_demo.ui.exports import ENDINGS, export_race

    path = Path(run)
    by_path = path.suffix == ".jsonl"
    store = TraceStore(path.parent) if by_path else TraceStore()
    race = open_race(partial(open_run, store), path.stem if by_path else run)
    content = export_race(race, form)
    if out == "-":
        sys.stdout.buffer.write(content.encode())
        return 0
    target = Path(out or f"lookahead-{race.id}.{ENDINGS[form]}")
    try:
        target.write_text(content, encoding="utf-8", newline="\n")
    except OSError as error:
        raise UserError(f"the file {target} cannot be written: {error.strerror}; give another with --out") from None
    _say(f"{target}: {len(content.encode()):,} bytes", style="dim")
    return 0


@app.command()
def doctor() -> int:
    """Say what hardware, engines, weights and profiles there are, and what is missing."""
    examine(Console())
    return 0


def main(arguments: list[str] | None = None, application: typer.Typer = app, program: str = PROGRAM) -> int:
    """Run a command line; returns the exit code. Mistakes of the user end with 2 and one sentence."""
    signal.signal(signal.SIGTERM, _terminated)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    try:
        result = application(args=arguments, prog_name=program, standalone_mode=False)
    except typer.exceptions.TyperException as mistake:
        message = mistake.format_message()
        if message:
            _say(message, style="red")
        return mistake.exit_code
    except UserError as mistake:
        _say(str(mistake), style="red")
        return 2
    except LookaheadError as error:
        _say(str(error), style="red")
        return 1
    except (typer.Abort, KeyboardInterrupt):
        return INTERRUPTED
    return result if isinstance(result, int) else 0


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
        _say("stopping; interrupt again to leave at once")
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


def _profile(name_or_path: str | None) -> Profile:
    if name_or_path is None:
        name_or_path, reason = choose_profile()
        _say(f"profile {name_or_path}: {reason}", style="dim")
    return load_profile(name_or_path)


def _check_port(host: str, port: int) -> None:
    """Whether the page can listen there.

    Raises:
        ConfigError: the port is in use, or the address is none of this machine.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise ConfigError(
            f"the page cannot listen on {host}, port {port}: {error.strerror}; choose another with --port or --host"
        ) from None


def _say(message: str, style: str = "") -> None:
    Console(stderr=True).print(plain(message, style), soft_wrap=True)


def _terminated(number: int, frame: FrameType | None) -> NoReturn:
    """SIGTERM ends the program as if by itself, so that the fleet is stopped."""
    raise SystemExit(128 + number)
