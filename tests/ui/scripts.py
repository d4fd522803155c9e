"""Our scripts, tried in Chromium without a page around them."""

from typing import Any

from playwright.sync_api import Page

from lr_demo.events import Event
from lr_demo.ui.static_files import address

FOLD = """async ([folder, events, work]) => {
  const load = (name) => import(`${folder}/${name}.js`);
  const [{ RunState, slim }, { Spans }, { CriticalPath }, { Measures }] =
    await Promise.all(["state", "spans", "path", "measures"].map(load));
  const run = { state: new RunState(), spans: new Spans(), path: new CriticalPath(), measures: new Measures() };
  for (const event of events.map(slim)) {
    run.measures.apply(event, run.state);
    run.state.apply(event);
    run.spans.apply(event, run.state);
    run.path.apply(event, run.state);
  }
  return await (0, eval)(work)(run, load);
}"""


def folded(page: Page, site: str, events: list[Event], work: str) -> Any:
    """What a JavaScript function `(run, load) => …` says of the fold of these events."""
    page.goto(f"{site}/{address('css/tokens.css')}")
    sent = [event.model_dump(mode="json", exclude_none=True) for event in events]
    return page.evaluate(FOLD, [f"/{address('js')}", sent, work])
