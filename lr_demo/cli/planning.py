"""`plan`, `probe`, `predict`: what a profile would start, what its servers take, and how fast they should be."""

import asyncio
import json
from functools import partial
from typing import Annotated

import typer
from rich.console import Console

from lr_demo.cli.options import ProfileArgument, chosen_profile
from lr_demo.cli.program import say
from lr_demo.config import VerifierKind, load_cost_sheet, parse_settings
from lr_demo.forecast import expectations
from lr_demo.plan_view import plan_as_json, show_plan
from lr_demo.probe import SECONDS
from lr_demo.probe_view import expectation_as_json, show_costs, show_expectations, show_note
from lr_demo.runs.machine import machine_in_words
from lr_demo.runs.traces import TraceStore
from lr_demo.serving.cache import Cache
from lr_demo.serving.config_json import Architectures
from lr_demo.serving.hardware import inspect_hardware
from lr_demo.serving.placement import check_stated, gpu_supply
from lr_demo.serving.plan import make_plan
from lr_demo.serving.vllm_options import check_options
from lr_demo.terminal import show_fleet, table_console


def plan(
    profile: ProfileArgument = None,
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
    chosen, cache, hardware = chosen_profile(profile), Cache.default(), inspect_hardware()
    supply = gpu_supply(chosen, hardware, gpus, gpu_memory_gib)
    made = make_plan(chosen, supply, hardware.memory, cache, Architectures(cache), check_options)
    if as_json:
        print(json.dumps(plan_as_json(made)))
    else:
        show_plan(Console(), made)
    return 0 if made.fits else 2


def probe(
    profile: ProfileArgument = None,
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

    chosen = chosen_profile(profile)
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
    say(f"kept: {ProbeStore().keep(chosen, record)}", style="dim")
    return 0


def predict(
    file: Annotated[str, typer.Argument(help="A .yaml file of costs, as configs/costs/h100.yaml.")],
) -> int:
    """Say what the cost model expects of servers that are not here, from costs in a file. Starts nothing."""
    from lr_demo.cost_sheet_view import show_cost_sheet

    show_cost_sheet(table_console(), load_cost_sheet(file))
    return 0
