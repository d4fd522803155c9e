"""How smoothly the Live page follows a long run: `python -m scripts.smoothness`. Minutes, in real time, in Chromium.

A simulated run writes as fast as asked while a page shows it. Measured in the page: from an event to the paint after it
(against the promptest event of the run, so that no clocks are compared), tasks over 50 ms, and what the page holds in
memory as the text grows. To look at the memory stops the page, so nothing counts that happens just then. Nothing else
should run on the machine: a task takes longer by the clock when its core is given to another. With `--trace`, which is
for runs of a few minutes, the browser tells how long each task had a core.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
import psutil
import typer
from playwright.sync_api import Page, expect, sync_playwright
from pydantic import BaseModel
from rich.console import Console

from lr_demo.config import Mode, RunSettings, parse_profile
from lr_demo.garbage import keep_what_is_there
from lr_demo.runs.machine import machine_in_words
from lr_demo.runs.manager import RunManager
from tests.ui.conftest import CHROMIUM, FLAGS
from tests.ui.site import serving

PROFILE = """
name: simulated-long
description: no model; a long answer at a set pace
servers:
  target: {{engine: simulated, ms_per_token: {target_ms}}}
  draft: {{engine: simulated, ms_per_token: {draft_ms}}}
roles: {{target: target, draft: draft, judge: target}}
simulation: {{steps: {steps}, tokens_per_step: {tokens}, verdict_ms: 20}}
"""
LOOK_EVERY_S = 10.0
AFTER_A_LOOK_MS = 1000.0
"""The page makes up for the look by then."""
REST_S = 20.0
LONG_MS = 50.0
MARK = "smoothness"
WATCH = """
window.watched = { messages: [], long: [], looks: [], events: 0, opened: 0, loaded: 0 };
const time = (text) => Number(/^[^,}]*/.exec(text)[0]);
new PerformanceObserver((list) => {
  for (const task of list.getEntries()) window.watched.long.push([task.startTime, task.duration]);
}).observe({ type: "longtask" });
document.addEventListener("load", ({ target }) => {
  if (target.src?.endsWith("/plotly.js")) window.watched.loaded = performance.now(); // the last script
}, true);
const listen = EventSource.prototype.addEventListener;
EventSource.prototype.addEventListener = function (name, handle, ...more) {
  if (name !== "events") return listen.call(this, name, handle, ...more);
  window.watched.opened = performance.now();
  return listen.call(this, name, (message) => {
    const arrived = performance.now();
    handle(message);
    const parts = message.data.split('"t":');
    const [first, last] = [time(parts[1]), time(parts.at(-1))];
    window.watched.events += parts.length - 1;
    requestAnimationFrame(() => {
      const channel = new MessageChannel();
      channel.port1.onmessage = () => window.watched.messages.push([first, last, arrived, performance.now()]);
      channel.port2.postMessage(null);
    });
  }, ...more);
};
"""


Milliseconds = npt.NDArray[np.float64]


class Memory(BaseModel):
    """The page's heap, after what is of no use was thrown away."""

    tokens: int
    """Of the answer, so far."""
    mib: float


class Figures(BaseModel):
    """What was measured."""

    hardware: str
    steps: int
    tokens: int
    run_s: float
    events_per_s: float
    paint_p50_ms: float
    """From an event to the paint after it."""
    paint_p95_ms: float
    """The same, of the first event of each message: the one that waited longest."""
    paint_worst_ms: float
    tasks_over_50_ms: int
    tasks_over_50_ms_share: float
    """Of at least so many tasks: one for each message and one for each paint after it."""
    longest_task_ms: float
    """Of those while the page follows the run; reading its scripts when it is opened is not among them."""
    longest_tasks: list[tuple[float, float]]
    """The five longest of these: seconds of the run at which they began, milliseconds."""
    longest_tasks_on_a_core_ms: list[float] | None
    """Milliseconds that each of the five had a core; None without `--trace`."""
    longest_task_on_a_core_ms: float | None
    """Of all tasks while following."""
    stolen_share: float
    """Of the machine's processor time: what its host gave to others."""
    longest_opening_task_ms: float
    """Until Plotly.js was read, the last of the scripts and most often the longest."""
    memory: list[Memory]
    kib_per_step: tuple[float, float]
    """By which the heap grew in the first and in the second half of the run."""
    mib_at_rest: float
    """Some time after the run."""


def _overlaps(begins: Milliseconds, ends: Milliseconds, looks: Milliseconds) -> npt.NDArray[np.bool_]:
    """Which of some spans overlap any of the looks, rows of begin and end."""
    overlapping: npt.NDArray[np.bool_] = (begins[:, None] < looks[:, 1]) & (ends[:, None] > looks[:, 0])
    return np.asarray(overlapping.sum(axis=1) > 0)


def _long_tasks(trace: bytes, mark_ms: float) -> Milliseconds:
    """Rows of begin by the page's clock, duration, and how long of that the task had a core: of those over 50 ms.

    `mark_ms`: when by the page's clock the mark was made that tells its thread, and what its time is in the trace.
    """
    events = json.loads(trace)["traceEvents"]
    mark = next(each for each in events if each["name"] == MARK)
    rows = [
        (mark_ms + (each["ts"] - mark["ts"]) / 1000, each["dur"] / 1000, each["tdur"] / 1000)
        for each in events
        if each["name"].endswith("RunTask") and each.get("dur", 0) > LONG_MS * 1000
        if (each["pid"], each["tid"]) == (mark["pid"], mark["tid"])
    ]
    return np.array(rows).reshape(-1, 3)


def watch(page: Page, steps: int, tokens: int, run: str, site: str, *, trace: bool) -> Figures:
    """Follow a run that has begun to its end."""
    browser = page.context.browser
    assert browser is not None
    if trace:
        browser.start_tracing(page=page, categories=["toplevel", "blink.user_timing"])
    before = psutil.cpu_times()
    session = page.context.new_cdp_session(page)

    def heap() -> float:
        began = page.evaluate("performance.now()")
        session.send("HeapProfiler.collectGarbage")
        used = float(session.send("Runtime.getHeapUsage")["usedSize"]) / 2**20
        page.evaluate("(began) => window.watched.looks.push([began, performance.now()])", began)
        return used

    page.goto(f"{site}/?race={run}")
    memory: list[Memory] = []
    done = page.locator("button.play", has_text="replay")  # not by role: for that the name of every card is made
    while not done.is_visible():
        page.wait_for_timeout(LOOK_EVERY_S * 1000)
        pace = page.locator(".lanehead .sub").last.inner_text()
        written = int("".join(filter(str.isdigit, pace.partition("token")[0])) or 0)
        memory.append(Memory(tokens=written, mib=heap()))
    expect(page.locator(".card").first).to_be_attached()
    watched = page.evaluate("window.watched")
    after = psutil.cpu_times()
    marked = page.evaluate(f"performance.mark('{MARK}').startTime")
    traced = _long_tasks(browser.stop_tracing(), marked) if trace else None
    page.wait_for_timeout(REST_S * 1000)
    first, last, arrived, painted = np.array(watched["messages"]).T
    began = (arrived / 1000 - last).min()  # when the run began, by the clock of the page
    waited = 1000 * (painted / 1000 - began - first)
    looks = np.array(watched["looks"]) + np.array([0, AFTER_A_LOOK_MS])
    counts = 1000 * (began + first) > watched["opened"]  # what had happened before is shown at once
    waited = waited[counts & ~_overlaps(1000 * (began + first), painted, looks)]
    tasks = np.array(watched["long"]).reshape(-1, 2) if traced is None else traced
    opening = tasks[:, 0] < watched["loaded"]
    following = tasks[~opening & ~_overlaps(tasks[:, 0], tasks[:, :2].sum(axis=1), looks)]
    long = following[:, 1]
    longest = following[np.argsort(-long)[:5]]
    middle = memory[len(memory) // 2]
    halves = ((memory[0], middle), (middle, memory[-1]))
    growth = [1024 * (b.mib - a.mib) / max(1, (b.tokens - a.tokens) / tokens) for a, b in halves]
    return Figures(
        hardware=machine_in_words(),
        steps=steps,
        tokens=memory[-1].tokens,
        run_s=last.max(),
        events_per_s=watched["events"] / last.max(),
        paint_p50_ms=np.percentile(waited, 50),
        paint_p95_ms=np.percentile(waited, 95),
        paint_worst_ms=waited.max(),
        tasks_over_50_ms=len(long),
        tasks_over_50_ms_share=len(long) / (2 * len(waited)),
        longest_task_ms=long.max(initial=0.0),
        longest_tasks=[(each[0] / 1000 - began, each[1]) for each in longest],
        longest_tasks_on_a_core_ms=None if traced is None else [each[2] for each in longest],
        longest_task_on_a_core_ms=None if traced is None else following[:, 2].max(initial=0.0),
        stolen_share=(after.steal - before.steal) / (sum(after) - sum(before)),
        longest_opening_task_ms=tasks[opening, 1].max(initial=0.0),
        memory=memory,
        kib_per_step=(growth[0], growth[1]),
        mib_at_rest=heap(),
    )


def main(
    steps: Annotated[int, typer.Option(help="Steps of the answer.", min=10)] = 1000,
    tokens: Annotated[int, typer.Option(help="Tokens of a step.", min=4)] = 32,
    target_ms: Annotated[float, typer.Option(help="Milliseconds a token of the target.")] = 10.0,
    draft_ms: Annotated[float, typer.Option(help="Milliseconds a token of the draft.")] = 2.5,
    trace: Annotated[bool, typer.Option("--trace", help="Ask the browser how long each task had a core.")] = False,
) -> None:
    """Measure, and print the figures as one JSON object."""
    if CHROMIUM is None:
        Console(stderr=True).print("Chromium is not installed: apt-get install chromium-headless-shell")
        raise typer.Exit(2)
    text = PROFILE.format(steps=steps, tokens=tokens, target_ms=target_ms, draft_ms=draft_ms)
    settings = RunSettings(mode=Mode.LOOKAHEAD, max_tokens=4 * steps * tokens, lookahead=4, parallel_budget=8)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS.split())
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.add_init_script(WATCH)
        with RunManager(parse_profile(text, "long.yaml"), Path(folder)) as manager, serving(manager) as site:
            page.goto(site)
            keep_what_is_there()
            page.wait_for_timeout(3000)
            race = manager.start("A long problem", settings, baseline=False)
            found = watch(page, steps, tokens, race.id, site, trace=trace)
        browser.close()
    json.dump(found.model_dump(), sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    typer.run(main)
