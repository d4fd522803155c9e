"""Where greedy answers part from plain decoding's, and whether the engine's own arithmetic explains it.

`python -m lr_demo.benchmark.numerics ROWS.jsonl --profile laptop` takes what `benchmark.problems` kept with
`--temperature 0 --rows ROWS.jsonl`. An engine sums in another order for a token written alone, beside others, or read
with the rest of its prompt, so two tokens that are nearly as likely may change places. At each place where a greedy
answer leaves the plain one, the target alone is asked for the next token in each of these ways, with no draft, no
proposals and no scheduling of ours. Where it writes either token itself, the difference is the engine's.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from itertools import takewhile
from math import isfinite
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from lr_demo.benchmark.problems import Row, read_lines
from lr_demo.benchmark.schemes import Scheme
from lr_demo.cli.program import run_program
from lr_demo.config import Mode, load_profile
from lr_demo.errors import ConfigError
from lr_demo.models.protocol import Finish, GenerationRequest, LanguageModel, Message
from lr_demo.runs.bare_fleet import bare_fleet
from lr_demo.terminal import plain, show_fleet, table_console

BESIDE = (1, 3, 7)
"""So many other sequences are written at the same time, in turn."""
_OTHER = "Count from one to two hundred in words, without stopping."


@dataclass(frozen=True)
class Pair:
    """A greedy answer and the plain one of the same problem, which differ."""

    question: str
    scheme: Scheme
    answer: str
    plain: str


@dataclass(frozen=True)
class Next:
    """The token that the target put behind a text; its id is None where it ended the answer there."""

    id: int | None
    text: str


@dataclass
class Parting:
    """The first token at which the two answers differ, and what the target alone wrote there."""

    pair: Pair
    shared: int
    """Tokens before it."""
    written: dict[str, Next] = field(default_factory=dict)
    """Way of asking to what came. A way that left the shared text before this place is left out."""
    own: int | None = None
    plain: int | None = None
    """The two tokens' ids; None: the end of the answer."""
    gap: float | None = None
    """By how many nats the likelier of the two tokens is ahead; None where only one was written, or it is not known."""

    @property
    def explained(self) -> bool:
        """Whether the target alone writes the one or the other, depending on how it is asked."""
        found = {each.id for each in self.written.values()}
        return {self.own, self.plain} <= found


def partings_to_explain(rows: Iterable[Row]) -> list[Pair]:
    """The greedy answers that are not plain decoding's.

    Raises:
        ConfigError: a run was not greedy, or none was plain.
    """
    kept = list(rows)
    for row in kept:
        if row.settings.temperature != 0:
            raise ConfigError(
                f"a run of {row.scheme} had temperature {row.settings.temperature}: only greedy answers can be "
                "compared token by token. Record them with --temperature 0"
            )
    answers = {row.question: row.summary.answer for row in kept if row.scheme is Scheme.AR}
    if not answers:
        raise ConfigError("there is no plain answer to compare with: record --scheme ar, too")
    return [
        Pair(row.question, row.scheme, row.summary.answer, answers[row.question])
        for row in kept
        if row.question in answers and row.summary.answer != answers[row.question]
    ]


async def explain(target: LanguageModel, pair: Pair, system: str) -> Parting:
    """Ask the target for the token at which two answers part, in every way.

    Raises:
        ModelError: it does not answer.
    """
    prompt = await target.chat_prompt([Message("system", system), Message("user", pair.question)])
    own, base = await target.encode(pair.answer), await target.encode(pair.plain)
    shared = base[: sum(1 for _ in takewhile(lambda ids: ids[0] == ids[1], zip(own, base, strict=False)))]
    place = len(shared)
    parting = Parting(pair, place, own=next(iter(own[place:]), None), plain=next(iter(base[place:]), None))
    parting.written["read"] = await _after(target, [*prompt, *shared])
    ways = [("alone", 0)] + [(f"beside {others}", others) for others in BESIDE]
    for name, others in ways:
        came = await _write(target, prompt, shared, others)
        if came is not None:
            parting.written[name] = came
    texts = sorted({each.text for each in parting.written.values() if each.text})
    if len(texts) == 2:
        chances = await target.choose([*prompt, *shared], texts)
        gap = abs(chances[texts[0]] - chances[texts[1]])
        parting.gap = gap if isfinite(gap) else None
    return parting


async def _after(target: LanguageModel, prompt: Sequence[int]) -> Next:
    """The token behind a prompt that is read with one request."""
    (token,) = [each async for each in _tokens(target, prompt, 1)]
    return token


async def _write(target: LanguageModel, prompt: list[int], shared: list[int], others: int) -> Next | None:
    """The token behind the shared text when that is written, not read, beside so many other sequences.

    None: it left the shared text before.
    """
    other = await target.chat_prompt([Message("user", _OTHER)])
    beside = [asyncio.create_task(_keep_writing(target, [*other, *prompt[:n]])) for n in range(1, others + 1)]
    try:
        written = [each async for each in _tokens(target, prompt, len(shared) + 1)]
    finally:
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
    if [each.id for each in written[: len(shared)]] != shared or len(written) <= len(shared):
        return None
    return written[len(shared)]


async def _keep_writing(target: LanguageModel, prompt: Sequence[int]) -> None:
    while True:
        async for _ in _tokens(target, prompt, 400):
            continue


async def _tokens(target: LanguageModel, prompt: Sequence[int], most: int) -> AsyncIterator[Next]:
    """What the target writes, token by token. A token's text is told where it came alone."""
    async with aclosing(target.generate(GenerationRequest(prompt, most))) as chunks:
        async for chunk in chunks:
            ids: list[int | None] = [*chunk.token_ids]
            if chunk.finish is Finish.END:  # the last one says so, and is no part of the text
                ids = [*ids[:-1], None]
            for token in ids:
                yield Next(token, chunk.text if len(ids) == 1 and token is not None else "")


def as_table(partings: Sequence[Parting], title: str) -> Table:
    """A line for each parting."""
    table = Table(title=title)
    for column in ("problem", "scheme", "after", "plain", "scheme's", "apart, nats", "the target alone", "explained"):
        table.add_column(column, justify="right" if column in ("after", "apart, nats") else "left")
    for each in partings:
        texts = {token.id: token.text for token in each.written.values()}
        ways = (f"{way}: {_name(texts, token.id)}" for way, token in each.written.items())
        table.add_row(
            plain(each.pair.question[:24]),
            each.pair.scheme,
            str(each.shared),
            plain(_name(texts, each.plain)),
            plain(_name(texts, each.own)),
            "–" if each.gap is None else f"{each.gap:.3f}",
            plain(", ".join(ways)),
            "yes" if each.explained else "no",
        )
    return table


def _name(texts: dict[int | None, str], token: int | None) -> str:
    if token is None:
        return "the end"
    return repr(texts[token]) if texts.get(token) else f"token {token}"


async def _explain_all(profile_name: str, pairs: Sequence[Pair], console: Console) -> list[Parting]:
    profile = load_profile(profile_name)
    partings = []
    async with bare_fleet(profile, partial(show_fleet, console)) as (_, casting):
        cast = casting.cast(profile.defaults.model_copy(update={"mode": Mode.AUTOREGRESSIVE}))
        for pair in pairs:
            partings.append(await explain(cast.target, pair, profile.system_prompt))
            told = "explained" if partings[-1].explained else "not explained"
            console.print(plain(f"{pair.scheme}, token {partings[-1].shared + 1}: {told}"), soft_wrap=True)
    return partings


app = typer.Typer(add_completion=False)


@app.command()
def compare(
    rows: Annotated[Path, typer.Argument(help="Greedy rows of benchmark.problems.")],
    profile: Annotated[str, typer.Option(help="What they were recorded with.")] = "cpu",
) -> int:
    """Say of every greedy answer that is not plain decoding's whether the engine itself explains it."""
    kept = read_lines(rows, Row)
    pairs = partings_to_explain(kept)
    compared = sum(row.scheme is not Scheme.AR for row in kept)
    console = table_console()
    if not pairs:
        console.print(f"{compared} answers compared: all are plain decoding's.")
        return 0
    partings = asyncio.run(_explain_all(profile, pairs, Console(stderr=True)))
    explained = sum(each.explained for each in partings)
    console.print(as_table(partings, f"{compared} answers compared, {len(pairs)} differ, {explained} explained"))
    return 0 if explained == len(pairs) else 1


if __name__ == "__main__":
    sys.exit(run_program(None, app, "python -m lr_demo.benchmark.numerics"))
