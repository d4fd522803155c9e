"""One HTML file of a race that opens anywhere: the stage of the Live page with the events in it, and no server.

Scripts are named by their digests in the file's Content-Security-Policy, which allows nothing else and no
connection at all. What models wrote is data: JSON in a block that cannot be closed from within.
"""

import base64
import gzip
import hashlib
import html
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from plotly.offline import get_plotlyjs

from lr_demo.events import Event, StepCancelled, StepDelta, StepFinished
from lr_demo.run_state import StepKey
from lr_demo.runs.race import Race
from lr_demo.ui.bundle import BundleError, bundle
from lr_demo.ui.latex_in_text import latex_in
from lr_demo.ui.mathematics import MathNode, math_tree
from lr_demo.ui.static_files import text_of, texts_below
from lr_demo.ui.views import answer_views, race_view

_ENTRY = "js/offline/main.js"
_INSTEAD = {"js/transport.js": "js/offline/transport.js"}
"""Modules that talk to the server, and what takes their place."""
_STYLES_FIRST = ("css/tokens.css", "css/page.css", "css/stage.css", "css/cards.css")
"""Styles in the order of the Live page; the others follow."""
_MOST_TITLE = 80


def offline_page(race: Race) -> str:
    """The file's text, for a race whose runs have ended: about 2 MB for the charts' library, and the events.

    Mathematics is rendered here, since the page has nobody to ask.
    """
    shell = _shell()
    prompt = re.sub(r"\s+", " ", race.run.prompt)[:_MOST_TITLE]
    blocks = {"ll-data": _data(race), "ll-charts": shell.charts}
    return "\n".join(
        (
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{shell.policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{html.escape(prompt)} · Lookahead Live</title>",
            f"<style>\n{_styles()}</style>",
            "</head>",
            '<body class="ll-offline-page">',
            '<div id="ll-offline"><noscript>This page shows a recorded run with scripts of its own: '
            "allow them, they connect to nothing.</noscript></div>",
            *(f'<script type="application/json" id="{key}">{block}</script>' for key, block in blocks.items()),
            f'<script type="module">{shell.script}</script>',
            "</body>",
            "</html>",
            "",
        )
    )


@dataclass(frozen=True)
class _Shell:
    """What is the same in every file."""

    script: str
    charts: str
    """Plotly.js, packed, as JSON."""
    policy: str


@cache
def _shell() -> _Shell:
    script = bundle(_ENTRY, text_of, _INSTEAD)
    charts = get_plotlyjs()
    policy = (
        f"default-src 'none'; script-src {_digest(script)} {_digest(charts)}; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )
    packed = base64.b64encode(gzip.compress(charts.encode(), 9, mtime=0)).decode()
    return _Shell(script, json.dumps(packed), policy)


def _data(race: Race) -> str:
    """The race as `offline/transport.js` reads it, with no `<` in it."""
    view = race_view(race, None).model_copy(update={"recorded": True})
    routes = {
        f"races/{race.id}": view.model_dump(mode="json"),
        f"races/{race.id}/answers": [each.model_dump(mode="json") for each in answer_views(race)],
    }
    texts = [race.run.prompt, *(text for handle in race.handles for text in _texts(handle.log.events()))]
    runs = ",".join(
        f'{json.dumps(handle.id)}:{{"status":{json.dumps(handle.phase)},"events":[{",".join(handle.log.lines())}]}}'
        for handle in race.handles
    )
    answers = f'"race":{json.dumps(race.id)},"routes":{json.dumps(routes)},"math":{json.dumps(_mathematics(texts))}'
    whole = f'{{{answers},"runs":{{{runs}}}}}'
    return whole.replace("<", "\\u003c")


def _texts(events: Iterable[Event]) -> Iterable[str]:
    """The text of every step, complete or not."""
    pieces: dict[StepKey, list[str]] = {}
    for event in events:
        match event:
            case StepDelta():
                pieces.setdefault(StepKey(event.position, event.role, event.alternative), []).append(event.text)
            case StepFinished():
                yield event.text
            case StepCancelled():
                yield "".join(pieces.get(StepKey(event.position, event.role, event.alternative), ()))


def _mathematics(texts: Iterable[str]) -> dict[str, MathNode]:
    """Trees by the keys of `mathml.js`: `d` or `i`, then the LaTeX."""
    found = {each for text in texts for each in latex_in(text)}
    trees = {f"{'d' if display else 'i'}{latex}": math_tree(latex, display=display) for latex, display in sorted(found)}
    return {key: tree for key, tree in trees.items() if tree is not None}


def _styles() -> str:
    texts = texts_below("css/")
    first = [texts.pop(name) for name in _STYLES_FIRST]
    return "\n".join([*first, *texts.values()])


def _digest(script: str) -> str:
    """As the policy names a script that stands in the page.

    Raises:
        BundleError: it holds what would end it there.
    """
    if re.search("</script|<!--", script, re.IGNORECASE):
        raise BundleError("a script holds '</script' or '<!--': it cannot stand in a page")
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
