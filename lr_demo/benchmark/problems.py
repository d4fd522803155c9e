"""Runs schemes over the same problems on a profile's models and compares them: accuracy, acceptance, speed.

`python -m lr_demo.benchmark.problems PROBLEMS.jsonl --profile cpu` takes lines with `question` and, where there is a
right one, `answer`. One run at a time, every scheme on a problem before the next problem, so that a drift of the
machine meets all alike, and a run of one token with each before: whichever came first would read the prompt for all. A
scheme whose token proposals the profile's target does not make runs on a copy of the profile that does, after the
others, beside plain decoding of its own.
"""

import asyncio
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Annotated, TypeVar

import typer
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from rich.box import HEAVY_HEAD, Box
from rich.console import Console
from rich.table import Table

from lr_demo.benchmark.schemes import SETTINGS, Scheme, by_profile
from lr_demo.cli.program import run_program
from lr_demo.config import RunSettings, load_profile, parse_settings
from lr_demo.errors import ConfigError
from lr_demo.events import RunStatus
from lr_demo.grading import correct
from lr_demo.runs.manager import RunManager
from lr_demo.runs.race import Race
from lr_demo.runs.summary import Summary
from lr_demo.terminal import plain, show_fleet, table_console

Lines = TypeVar("Lines", bound=BaseModel)


_JUDGED = {True: "right", False: "wrong", None: "     "}
_USUAL = [Scheme.AR, Scheme.LR_JUDGE, Scheme.LR_EMBEDDING, Scheme.SPECREASON]


class Problem(BaseModel):
    """A line of the problems' file."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    question: str = Field(min_length=1)
    answer: str | None = None
    """None: whatever is answered, only its speed counts."""


class Row(BaseModel):
    """One problem solved with one scheme."""

    question: str
    scheme: Scheme
    settings: RunSettings
    right: bool | None
    """None where no answer is expected."""
    summary: Summary
    hardware: str = ""
    """What it ran on, for people."""
    measured_at: str = ""
    """Wall-clock time, ISO 8601 with zone."""

    def repeats(self, profile: str, settings: Mapping[Scheme, RunSettings]) -> bool:
        """Whether a run with these settings would be this one again. One that did not finish may be tried again."""
        same = self.summary.profile == profile and settings.get(self.scheme) == self.settings
        return same and self.summary.status is RunStatus.FINISHED


class Totals(BaseModel):
    """One scheme over its problems."""

    scheme: Scheme
    profile: str
    problems: int
    right: int
    graded: int
    """Problems of which an answer is expected."""
    unfinished: int
    acceptance: float | None
    """accepted / (accepted + corrected), over all steps that were decided by comparison."""
    tokens_per_s: float | None
    """Tokens of all answers over the seconds of all runs."""
    speedup: float | None
    """Over plain decoding on the same profile, on the problems that both have solved or tried."""
    least_speedup: float | None
    """The same on the problem where it is least."""
    tokens_per_pass: float | None
    """Tokens of a pass of the target that had proposals, its own among them; None where nothing was proposed."""
    verdict_s: float | None
    """Mean over the problems of the median seconds of a verdict."""
    same_answer: int | None
    """Answers that are plain decoding's, letter for letter."""
    wasted_draft: int
    wasted_target: int


def totals(rows: Iterable[Row]) -> list[Totals]:
    """Each scheme's figures, profile by profile, in the order of their first rows."""
    by_profile: dict[str, dict[Scheme, dict[str, Row]]] = {}
    for row in rows:
        by_profile.setdefault(row.summary.profile, {}).setdefault(row.scheme, {})[row.question] = row
    return [
        _total(scheme, profile, solved, by_scheme.get(Scheme.AR, {}))
        for profile, by_scheme in by_profile.items()
        for scheme, solved in by_scheme.items()
    ]


def _total(scheme: Scheme, profile: str, solved: dict[str, Row], plain: dict[str, Row]) -> Totals:
    summaries = [row.summary for row in solved.values()]
    compared = sum(each.accepted + each.corrected for each in summaries)
    verdicts = [each.verdict_latency_p50_s for each in summaries if each.verdict_latency_p50_s is not None]
    shared = [problem for problem in solved if problem in plain]
    answers = [(solved[problem].summary.answer, plain[problem].summary.answer) for problem in shared]
    own, base = (_rate(table[problem].summary for problem in shared) for table in (solved, plain))
    speeds = [(solved[problem].summary.tokens_per_s, plain[problem].summary.tokens_per_s) for problem in shared]
    return Totals(
        scheme=scheme,
        profile=profile,
        problems=len(solved),
        right=sum(row.right is True for row in solved.values()),
        graded=sum(row.right is not None for row in solved.values()),
        unfinished=sum(each.status is not RunStatus.FINISHED for each in summaries),
        acceptance=sum(each.accepted for each in summaries) / compared if compared else None,
        tokens_per_s=_rate(summaries),
        speedup=own / base if own and base else None,
        least_speedup=min((one / other for one, other in speeds if one and other), default=None),
        tokens_per_pass=_tokens_per_pass(summaries),
        verdict_s=mean(verdicts) if verdicts else None,
        same_answer=sum(own == base for own, base in answers) if answers else None,
        wasted_draft=sum(each.wasted_draft_tokens for each in summaries),
        wasted_target=sum(each.wasted_target_tokens for each in summaries),
    )


def _tokens_per_pass(summaries: Iterable[Summary]) -> float | None:
    counted = [each.speculation for each in summaries if each.speculation is not None]
    passes = sum(each.drafts for each in counted)
    return 1 + sum(each.accepted_tokens for each in counted) / passes if passes else None


def _rate(summaries: Iterable[Summary]) -> float | None:
    chosen = list(summaries)
    seconds = sum(each.wall_s for each in chosen)
    return sum(each.output_tokens for each in chosen) / seconds if seconds else None


def as_table(results: list[Totals], title: str = "", box: Box = HEAVY_HEAD) -> Table:
    """The comparison, a line for each scheme; the profile is named where there are several."""
    table = Table(title=title or None, box=box)
    several = len({each.profile for each in results}) > 1
    left = ["profile", "scheme"] if several else ["scheme"]
    right = ["right", "unfinished", "acceptance", "tokens/s", "× plain", "least", "tokens a pass"]
    for column in left:
        table.add_column(column)
    for column in (*right, "verdict s", "same answer", "wasted draft", "target"):
        table.add_column(column, justify="right")
    for each in results:
        table.add_row(
            *([each.profile] if several else []),
            each.scheme,
            f"{each.right} of {each.graded}" if each.graded else "–",
            str(each.unfinished),
            "–" if each.acceptance is None else f"{each.acceptance:.0%}",
            "–" if each.tokens_per_s is None else f"{each.tokens_per_s:.2f}",
            "–" if each.speedup is None else f"{each.speedup:.2f}",
            "–" if each.least_speedup is None else f"{each.least_speedup:.2f}",
            "–" if each.tokens_per_pass is None else f"{each.tokens_per_pass:.2f}",
            "–" if each.verdict_s is None else f"{each.verdict_s:.2f}",
            "–" if each.same_answer is None else str(each.same_answer),
            str(each.wasted_draft),
            str(each.wasted_target),
        )
    return table


def read_lines(file: Path, kind: type[Lines]) -> list[Lines]:
    """The lines of a file, each a JSON object.

    Raises:
        ConfigError: the file cannot be read, or a line is not what it should be; names it.
    """
    lines: list[Lines] = []
    try:
        lines.extend(kind.model_validate_json(line) for line in file.read_text(encoding="utf-8").splitlines())
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the whole line"
        raise ConfigError(f"{file}, line {len(lines) + 1}, {place}: {first['msg']}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} cannot be read: {error}") from None
    return lines


async def run_to_end(manager: RunManager, question: str, settings: RunSettings) -> Race:
    """A run without a baseline; returns when it has ended, however that is."""
    race = manager.start(question, settings, baseline=False)
    async for _ in race.run.log.follow():
        continue
    return race


async def read_prompt(manager: RunManager, question: str, settings: Iterable[RunSettings]) -> None:
    """A run of one token with each of these settings: whichever came first would read the prompt for the others."""
    for each in settings:
        await run_to_end(manager, question, each.model_copy(update={"max_tokens": 1}))


def graded(problem: Problem, scheme: Scheme, race: Race) -> Row:
    """A run that has ended, with whether its answer is right."""
    summary = race.summary()
    started = race.run.state().started
    return Row(
        question=problem.question,
        scheme=scheme,
        settings=race.run.settings,
        right=correct(summary.final_answer, problem.answer) if problem.answer is not None else None,
        summary=summary,
        hardware=started.hardware if started is not None else "",
        measured_at=started.started_at if started is not None else "",
    )


async def _solve_all(
    manager: RunManager,
    problems: Sequence[Problem],
    settings: Mapping[Scheme, RunSettings],
    kept: list[Row],
    file: Path | None,
) -> None:
    """Adds to `kept`, and to the file, a row for each problem and scheme that has none."""
    console = Console(stderr=True)
    done = {(row.question, row.scheme) for row in kept}
    await show_fleet(console, manager.follow_fleet())
    for number, problem in enumerate(problems, start=1):
        missing = [scheme for scheme in settings if (problem.question, scheme) not in done]
        await read_prompt(manager, problem.question, [settings[scheme] for scheme in missing])
        for scheme in missing:
            row = graded(problem, scheme, await run_to_end(manager, problem.question, settings[scheme]))
            kept.append(row)
            if file is not None:
                with file.open("a", encoding="utf-8") as rows:
                    rows.write(row.model_dump_json() + "\n")
            console.print(plain(_line(number, row)), soft_wrap=True)


def _line(number: int, row: Row) -> str:
    summary = row.summary
    if summary.status is not RunStatus.FINISHED:
        return f"{number:>4} {row.scheme:<13} {summary.status}: {summary.reason}"
    return (
        f"{number:>4} {row.scheme:<13} {_JUDGED[row.right]} {summary.output_tokens:>4} tokens "
        f"{summary.wall_s:6.1f} s {summary.tokens_per_s or 0:6.2f}/s  {summary.accepted} accepted, "
        f"{summary.corrected} corrected"
    )


app = typer.Typer(add_completion=False)


@app.command()
def compare(
    problems: Annotated[Path, typer.Argument(help="JSON lines: question, and answer where one is right.")],
    profile: Annotated[str, typer.Option(help="Name of a shipped profile, or a file.")] = "cpu",
    count: Annotated[int, typer.Option(min=1, help="The first so many problems.")] = 20,
    scheme: Annotated[list[Scheme] | None, typer.Option(help="Again for each; default: all but lr-exact.")] = None,
    lookahead: Annotated[int | None, typer.Option(help="γ.")] = None,
    temperature: Annotated[float | None, typer.Option(help="Default: the model family's.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of every random choice.")] = 1,
    max_tokens: Annotated[int, typer.Option(help="Token limit of an answer.")] = 512,
    rows: Annotated[
        Path | None, typer.Option(help="Keep every run here; what finished with the same settings is not run again.")
    ] = None,
) -> None:
    """Solve problems with several schemes and compare them."""
    base = load_profile(profile)
    common = {"lookahead": lookahead, "temperature": temperature, "seed": seed, "max_tokens": max_tokens}
    asked = read_lines(problems, Problem)[:count]
    questions = {problem.question for problem in asked}
    earlier = read_lines(rows, Row) if rows is not None and rows.exists() else []
    kept: list[Row] = []
    for chosen, schemes in by_profile(base, scheme or _USUAL):
        settings = {each: parse_settings(chosen.defaults, {**common, **SETTINGS[each]}) for each in schemes}
        done = [row for row in earlier if row.question in questions and row.repeats(chosen.name, settings)]
        if len({(row.question, row.scheme) for row in done}) < len(asked) * len(schemes):
            with RunManager(chosen) as manager:
                asyncio.run(_solve_all(manager, asked, settings, done, rows))
        kept += done
    table_console().print(as_table(totals(kept), f"{len(asked)} problems of {problems.name}, profile {base.name}"))


if __name__ == "__main__":
    sys.exit(run_program(None, app, "python -m lr_demo.benchmark.problems"))
