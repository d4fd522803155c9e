"""Make the pictures of the README from a recorded real race: `python -m scripts.picture [--lesson KEY | --run RUN]`.

The pages are photographed in Chromium, light and dark, on the servers of `--profile`. The animation is the race's
replay as a saved page shows it, on a clock of its own: every frame is of exactly its moment, however slow the
machine that draws it.
"""

import argparse
import asyncio
import sys
import tempfile
from contextlib import aclosing
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

from lr_demo.config import load_profile
from lr_demo.errors import LookaheadError, UserError
from lr_demo.events import RunStarted, to_json_line
from lr_demo.runs.manager import RunManager
from lr_demo.runs.race import Race
from lr_demo.runs.traces import TraceStore
from lr_demo.ui.lessons import Lessons
from lr_demo.ui.offline_page import offline_page
from tests.ui.conftest import CHROMIUM, FLAGS
from tests.ui.site import serving

FOLDER = Path(__file__).resolve().parents[1] / "assets" / "pictures"
SCREEN = ViewportSize(width=1280, height=800)
STAGE = ViewportSize(width=1080, height=860)
LEARN_STAGE = 5
"""How far into the first lesson its picture is: a correction, with the rejected draft beneath."""
FRAMES = 90
"""Most frames of the animation; longer races are shown faster."""
PER_SECOND = 6
HOLD_MS = 4000
"""The last frame stays."""
MOST_BYTES = 2_000_000
QUALITIES = (72, 60, 48, 36, 24)


def photograph(browser: Browser, manager: RunManager, race: Race) -> None:
    """The pages, each light and dark."""
    pages = {"live": f"?race={race.id}&", "learn": "learn?"}
    with serving(manager) as site:
        for theme in ("light", "dark"):
            page = browser.new_page(viewport=SCREEN)
            for name, address in pages.items():
                page.goto(f"{site}/{address}__theme={theme}")
                if name == "live":
                    settle(page)
                else:
                    expect(page.get_by_text("stage 1 of")).to_be_visible(timeout=60_000)
                    for _ in range(LEARN_STAGE):
                        page.get_by_role("button", name="next").click()
                page.wait_for_timeout(3000)  # charts are drawn when there is time
                save_still(page.screenshot(), f"{name}-{theme}")
            page.close()


def settle(page: Page) -> None:
    """Wait until the race is shown whole."""
    expect(page.get_by_role("button", name="replay")).to_be_visible(timeout=60_000)


def save_still(png: bytes, name: str) -> None:
    """As few colours as look the same."""
    image = Image.open(BytesIO(png)).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    image.save(FOLDER / f"{name}.png", optimize=True)


def animate(browser: Browser, race: Race) -> str:
    """The replay of a race; returns a line that says what was made."""
    duration = max(handle.state().t for handle in race.handles)
    speed = max(1, round(duration * PER_SECOND / FRAMES))
    caption = f"{provenance(race)} · shown {speed} times as fast"
    context = browser.new_context(viewport=STAGE, color_scheme="light")
    page = context.new_page()
    page.clock.install()
    frames = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "race.html"
        path.write_text(offline_page(race), encoding="utf-8")
        page.goto(path.as_uri())
        settle(page)
        page.clock.pause_at(page.evaluate("Date.now() / 1000") + 1)
        page.get_by_role("button", name="replay").click()
        page.evaluate("scrollTo(0, 0)")  # the button stands below the lanes
        step = 1000 * speed // PER_SECOND  # milliseconds of the race
        for _ in range(round(duration * 1000 / step) + PER_SECOND):
            page.clock.run_for(step)
            frames.append(captioned(page.screenshot(), caption))
    context.close()
    target = FOLDER / "race.webp"
    times = [1000 // PER_SECOND] * (len(frames) - 1) + [HOLD_MS]
    for quality in QUALITIES:
        frames[0].save(
            target, save_all=True, append_images=frames[1:], duration=times, loop=0, quality=quality, method=4
        )
        if target.stat().st_size <= MOST_BYTES:
            return f"{target.name}: {len(frames)} frames, {target.stat().st_size:,} bytes, “{caption}”"
    raise UserError(f"{target} has more than {MOST_BYTES:,} bytes at any quality: choose a shorter race")


def provenance(race: Race) -> str:
    """When and on what the race was measured."""
    started = race.run.started
    assert isinstance(started, RunStarted), "a race that has ended had begun"
    label = "simulated" if started.simulated else "recorded"
    gpu = ", no GPU" if "cores" in started.hardware else ""
    return f"{label} {started.started_at[:10]}, {started.hardware}{gpu}"


def captioned(png: bytes, caption: str) -> Image.Image:
    """A frame with a line beneath it."""
    shot = Image.open(BytesIO(png)).convert("RGB")
    frame = Image.new("RGB", (shot.width, shot.height + 30), "#16202c")
    frame.paste(shot)
    ImageDraw.Draw(frame).text((14, shot.height + 6), caption, fill="#ffffff", font=ImageFont.load_default(size=15))
    return frame


def keep_lesson(key: str, store: TraceStore) -> str:
    """Put a shipped run, and the plain run beside it, among the traces of a store; returns the run's id."""
    lessons = Lessons()
    events, alone = lessons.events(key), lessons.alone(key)
    started = events[0]
    assert isinstance(started, RunStarted), "a trace begins with the start of a run"
    if alone is not None:
        events[0] = started.model_copy(update={"baseline": alone[0].run})
    for trace in filter(None, (events, alone)):
        writer = store.writer(trace[0].run)
        for event in trace:
            writer.write(to_json_line(event).encode() + b"\n")
        writer.close()
    return started.run


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--lesson", default="two-cycles", help="a race that ships, by its key in lessons.yaml")
    parser.add_argument("--run", help="a race of the trace store instead")
    parser.add_argument("--profile", default="laptop", help="whose servers the pages show")
    asked = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        try:
            store = TraceStore() if asked.run else TraceStore(Path(folder))
            run = asked.run or keep_lesson(asked.lesson, store)
            with RunManager(load_profile(asked.profile), store.folder) as manager:
                race = manager.race(run)
                asyncio.run(until_ready(manager))
                with sync_playwright() as playwright:
                    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS.split())
                    print(animate(browser, race), flush=True)
                    photograph(browser, manager, race)
                    browser.close()
        except LookaheadError as error:
            print(error, file=sys.stderr)
            return 2
    total = sum(path.stat().st_size for path in FOLDER.iterdir())
    print(f"{total:,} bytes in {FOLDER.name}")
    return 0


async def until_ready(manager: RunManager) -> None:
    """Wait for the servers: a page that is photographed says nothing of loading."""
    async with aclosing(manager.follow_fleet()) as views:
        async for view in views:
            if view.ready or view.error:
                return


if __name__ == "__main__":
    sys.exit(main())
