"""Runs schemes over the same problems on a profile's models and compares them: accuracy, acceptance, speed.

`python -m lr_demo.benchmark.problems PROBLEMS.jsonl --profile cpu` takes lines with `question` and `answer`. One
run at a time, every scheme on a problem before the next problem, so that a drift of the machine meets all alike.
"""

import asyncio
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from math_verify import parse, verify
from pydantic import BaseModel
from rich.console import Console
from rich.table import Table

from lr_demo.config import Mode, RunSettings, VerifierKind, load_profile, parse_settings
from lr_demo.events import RunStatus
from lr_demo.runs.manager import RunManager
from lr_demo.runs.roles import check_runnable
from lr_demo.runs.summary import Summary
from lr_demo.terminal import show_fleet

SCHEMES: dict[str, dict[str, object]] = {
    "ar": {"mode": Mode.AUTOREGRESSIVE},
    "lr-judge": {"mode": Mode.LOOKAHEAD, "verifier": VerifierKind.JUDGE},
    "lr-embedding": {"mode": Mode.LOOKAHEAD, "verifier": VerifierKind.EMBEDDING},
    "lr-exact": {"mode": Mode.LOOKAHEAD, "verifier": VerifierKind.EXACT},
    "specreason": {"mode": Mode.SPECREASON, "threshold": 7.0},
}
"""Name to what the scheme sets; everything else is the profile's default or an option."""

_DOLLAR = re.compile(r"\\?[$]")


class Row(BaseModel):
    """One problem solved with one scheme."""

    problem: str
    scheme: str
    right: bool
    summary: Summary


class Totals(BaseModel):
    """One scheme over its problems."""

    scheme: str
    problems: int
    right: int
    unfinished: int
    acceptance: float | None
    """accepted / (accepted + corrected), over all steps that were decided by comparison."""
    tokens_per_s: float | None
    """Tokens of all answers over the seconds of all runs."""
    speedup: float | None
    """Over plain decoding, on the problems that both have solved or tried."""
    wasted_draft: int
    wasted_target: int


def correct(answer: str | None, expected: str) -> bool:
    """Whether an answer means the expected one, as mathematics."""
    if answer is None:
        return False
    gold, found = (parse(f"${_DOLLAR.sub('', text)}$") for text in (expected, answer))
    return bool(verify(gold, found))


def totals(rows: Iterable[Row]) -> list[Totals]:
    """Each scheme's figures, in the order of the schemes' first rows."""
    by_scheme: dict[str, dict[str, Row]] = {}
    for row in rows:
        by_scheme.setdefault(row.scheme, {})[row.problem] = row
    plain = by_scheme.get("ar", {})
    return [_total(scheme, solved, plain) for scheme, solved in by_scheme.items()]


def _total(scheme: str, solved: dict[str, Row], plain: dict[str, Row]) -> Totals:
    summaries = [row.summary for row in solved.values()]
    compared = sum(each.accepted + each.corrected for each in summaries)
    shared = solved.keys() & plain.keys()
    own, base = (_rate(table[problem].summary for problem in shared) for table in (solved, plain))
    return Totals(
        scheme=scheme,
        problems=len(solved),
        right=sum(row.right for row in solved.values()),
        unfinished=sum(each.status is not RunStatus.FINISHED for each in summaries),
        acceptance=sum(each.accepted for each in summaries) / compared if compared else None,
        tokens_per_s=_rate(summaries),
        speedup=own / base if own and base else None,
        wasted_draft=sum(each.wasted_draft_tokens for each in summaries),
        wasted_target=sum(each.wasted_target_tokens for each in summaries),
    )


def _rate(summaries: Iterable[Summary]) -> float | None:
    chosen = list(summaries)
    seconds = sum(each.wall_s for each in chosen)
    return sum(each.output_tokens for each in chosen) / seconds if seconds else None


def as_table(results: list[Totals], title: str) -> Table:
    """The comparison, a line for each scheme."""
    table = Table(title=title)
    for column in ("scheme", "right", "unfinished", "acceptance", "tokens/s", "× plain", "wasted draft", "target"):
        table.add_column(column, justify="left" if column == "scheme" else "right")
    for each in results:
        table.add_row(
            each.scheme,
            f"{each.right} of {each.problems}",
            str(each.unfinished),
            "–" if each.acceptance is None else f"{each.acceptance:.0%}",
            "–" if each.tokens_per_s is None else f"{each.tokens_per_s:.2f}",
            "–" if each.speedup is None else f"{each.speedup:.2f}",
            str(each.wasted_draft),
            str(each.wasted_target),
        )
    return table


async def _solve(manager: RunManager, question: str, settings: RunSettings) -> Summary:
    race = manager.start(question, settings, baseline=False)
    try:
        async for _ in race.run.log.follow():
            continue
    except asyncio.CancelledError:
        manager.stop(race.id)
        raise
    return race.summary()


def run(
    problems: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="JSON lines: question, answer.")],
    profile: Annotated[str, typer.Option(help="Name of a shipped profile, or a file.")] = "cpu",
    count: Annotated[int, typer.Option(min=1, help="The first so many problems.")] = 20,
    scheme: Annotated[list[str] | None, typer.Option(help=f"Again for each of: {', '.join(SCHEMES)}.")] = None,
    lookahead: Annotated[int | None, typer.Option(help="γ.")] = None,
    temperature: Annotated[float | None, typer.Option(help="Default: the model family's.")] = None,
    seed: Annotated[int, typer.Option()] = 1,
    max_tokens: Annotated[int, typer.Option()] = 512,
    rows: Annotated[Path | None, typer.Option(help="Keep rows here; those there are not run again.")] = None,
) -> None:
    """Compare schemes over problems."""
    chosen = load_profile(profile)
    common = {"lookahead": lookahead, "temperature": temperature, "seed": seed, "max_tokens": max_tokens}
    names = scheme or [name for name in SCHEMES if name != "lr-exact"]
    settings = {name: parse_settings(chosen.defaults, {**common, **SCHEMES[name]}) for name in names}
    for each in settings.values():
        check_runnable(chosen, each)
    tasks = [json.loads(line) for line in problems.read_text(encoding="utf-8").splitlines()[:count]]
    kept = [Row.model_validate_json(line) for line in rows.read_text().splitlines()] if rows and rows.exists() else []
    done = {(row.problem, row.scheme) for row in kept}
    console = Console(stderr=True)

    async def solve_all(manager: RunManager) -> None:
        await show_fleet(console, manager.follow_fleet())
        for index, task in enumerate(tasks):
            for name in names:
                problem = str(task.get("id", index))
                if (problem, name) in done:
                    continue
                summary = await _solve(manager, task["question"], settings[name])
                row = Row(
                    problem=problem,
                    scheme=name,
                    right=correct(summary.final_answer, str(task["answer"])),
                    summary=summary,
                )
                kept.append(row)
                if rows:
                    with rows.open("a", encoding="utf-8") as file:
                        file.write(row.model_dump_json() + "\n")
                mark = "right" if row.right else "wrong"
                console.print(
                    f"{problem:>4} {name:<13} {mark} {summary.output_tokens:>4} tokens {summary.wall_s:6.1f} s "
                    f"{summary.tokens_per_s or 0:6.2f}/s  {summary.accepted} accepted, {summary.corrected} corrected",
                    highlight=False,
                )

    with RunManager(chosen) as manager:
        asyncio.run(solve_all(manager))
    title = f"{len(tasks)} problems of {problems.name}, profile {chosen.name}"
    Console().print(as_table(totals(kept), title))


if __name__ == "__main__":
    typer.run(run)
