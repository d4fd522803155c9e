"""Shows a plan: where every server runs, whether it fits, and its command, fit to be copied into a shell."""

import shlex
from dataclasses import asdict

from rich.console import Console
from rich.text import Text

from lr_demo.serving.memory import CPU_ALLOWANCE, GIB, GPU_ALLOWANCE, LLAMA_CPP_ALLOWANCE, Memory
from lr_demo.serving.plan import FIRST_PORT, Plan, ServerPlan
from lr_demo.serving.processes import Command
from lr_demo.terminal import plain

ASSUMPTIONS = (
    f"Assumed beside weights and KV cache: {GPU_ALLOWANCE / GIB:g} GiB and the activations of one batch on a GPU, "
    f"{CPU_ALLOWANCE / GIB:g} GiB for vLLM on the processor, {LLAMA_CPP_ALLOWANCE / GIB:g} GiB for llama.cpp. The KV "
    "cache holds the longest context once, and two steps more for each further parallel request (their whole context "
    "where prefix_caching is off)."
)


def show_plan(console: Console, plan: Plan) -> None:
    """Print a plan: the commands first, then the places and what speaks against it, so that it is seen last."""
    for server in plan.servers:
        if server.command is not None:
            console.print(plain(f"# {server.name}: {server.model}, {server.place}", "bold"), soft_wrap=True)
            console.print(plain(shell_command(server.command)), soft_wrap=True)
            console.print()
    console.print(plain(f"Profile {plan.profile}. GPUs: {plan.gpus}", "bold"), soft_wrap=True)
    for server in plan.servers:
        console.print(_server(server), soft_wrap=True)
        for note in server.notes:
            console.print(plain(f"  {note}", "yellow"), soft_wrap=True)
    for note in plan.notes:
        console.print(plain(f"· {note}", "yellow"), soft_wrap=True)
    if any(server.memory for server in plan.servers):
        console.print(plain(ASSUMPTIONS, "dim"))
    if any(server.command for server in plan.servers):
        console.print(plain(f"Ports from {FIRST_PORT} on stand for the free ones a start takes.", "dim"))
    for name, refusal in plan.every_refusal:
        console.print(plain(f"✗ {name}: {refusal}", "red"), soft_wrap=True)
    if not any(server.command for server in plan.servers) and plan.fits:
        console.print(plain("✓ nothing is to be started here", "green"))
    elif plan.fits:
        unsure = [server.name for server in plan.servers if server.command is not None and server.memory is None]
        what = f"nothing speaks against it, but whether {', '.join(unsure)} fits is not known" if unsure else "it fits"
        console.print(plain(f"✓ {what}", "yellow" if unsure else "green"), soft_wrap=True)


def shell_command(command: Command) -> str:
    """A command as a shell takes it: what it adds to the environment, then an option a line."""
    lines = [f"{name}={shlex.quote(value)}" for name, value in command.environment.items()]
    words = [shlex.quote(word) for word in command.argv]
    start = next((index for index, word in enumerate(words) if word.startswith("--")), len(words))
    lines.append(" ".join(words[:start]))
    for word in words[start:]:
        if word.startswith("--"):
            lines.append(f"  {word}")
        else:
            lines[-1] += f" {word}"
    return " \\\n".join(lines)


def plan_as_json(plan: Plan) -> dict[str, object]:
    """A plan as an object for other programs; memory in bytes, per GPU where there are several."""
    return {**asdict(plan), "servers": [_server_as_json(server) for server in plan.servers], "fits": plan.fits}


def _server_as_json(server: ServerPlan) -> dict[str, object]:
    memory = server.memory
    if memory is None:
        return asdict(server)
    derived = {"needed": memory.needed, "tokens_given": memory.tokens_given, "fits": memory.fits}
    return {**asdict(server), "memory": {**asdict(memory), **derived}}


def _server(server: ServerPlan) -> Text:
    """A server in two lines: who and where, then the memory."""
    mark, style = ("✗", "red") if server.refusals else ("✓", "green") if server.memory else ("·", "yellow")
    roles = f" ({', '.join(server.roles)})" if server.roles else ""
    lines = [plain(f"{mark} {server.name}", style) + plain(f"{roles}: {server.model}, {server.place}")]
    if server.memory is not None:
        lines.append(plain(f"  {_memory(server.memory, server)}", "dim"))
    return Text("\n").join(lines)


def _memory(memory: Memory, server: ServerPlan) -> str:
    needed, room, weights, cache, rest = (
        f"{size / GIB:.1f}"
        for size in (memory.needed, memory.room, memory.weights, memory.cache_needed, memory.allowance)
    )
    share = "" if server.share is None else f" of each GPU ({server.share:.0%})"
    return (
        f"gets {room} GiB{share} and needs {needed}: weights {weights}, {memory.tokens_needed:,} tokens of KV cache "
        f"{cache} (room for {memory.tokens_given:,}), the rest {rest}"
    )
