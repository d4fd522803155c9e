"""Figures of the theory: numbers in, Plotly figure out. Nothing here knows a page, a file or a run."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import plotly.graph_objects as go

from lr_demo import published
from lr_demo.config import Schedule
from lr_demo.theory import MOST_AHEAD, Layer, Optimum, best, combined, lookahead, parallel_sequences, speculative

Properties = Mapping[str, object]
"""Of a trace or an axis, by Plotly's names."""
MOST_STEPS = 16
"""Largest k₁ and k₂ of a curve."""
_EXTENTS = (12, 24, 48, MOST_AHEAD)
"""Sizes of the map, so that it does not grow with every move of a slider."""


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours by what they mean, as CSS colours."""

    draft: str
    target: str
    judge: str
    ok: str
    wait: str
    ink: str
    mut: str
    line: str
    panel: str


LIGHT = Palette(
    draft="#56b4e9",
    target="#0072b2",
    judge="#cc79a7",
    ok="#009e73",
    wait="#8a94a6",
    ink="#16202c",
    mut="#5b6675",
    line="#dfe3e9",
    panel="#fff",
)
DARK = Palette(
    draft="#56b4e9",
    target="#3d9bd6",
    judge="#cc79a7",
    ok="#009e73",
    wait="#8a94a6",
    ink="#e8edf3",
    mut="#9aa7b6",
    line="#2a3440",
    panel="#171e27",
)


@dataclass(frozen=True, slots=True)
class Setting:
    """Everything that the formulas take."""

    steps: Layer
    tokens: Layer
    steps_ahead: int
    """k₁"""
    tokens_ahead: int
    """k₂"""
    budget: int
    """M"""
    schedule: Schedule

    def speedup(self, steps_ahead: int, tokens_ahead: int) -> float:
        """f(k₁)·g(k₂)."""
        return combined(self.steps, self.tokens, steps_ahead, tokens_ahead, self.schedule)

    def sequences(self, steps_ahead: int, tokens_ahead: int) -> int:
        """P·k₂, what the parallel budget M bounds."""
        return parallel_sequences(self.steps, steps_ahead, self.schedule) * tokens_ahead

    def fits(self, steps_ahead: int, tokens_ahead: int) -> bool:
        """Whether k₁ and k₂ are within the parallel budget."""
        return self.sequences(steps_ahead, tokens_ahead) <= self.budget

    def optimum(self) -> Optimum:
        """The best k₁ and k₂ within the parallel budget."""
        return best(self.steps, self.tokens, self.budget, self.schedule)


def ceiling(tokens: Layer) -> Optimum:
    """The most that speculative decoding alone comes to at any k₂, however large the budget."""
    speedups = [(speculative(tokens, ahead), ahead) for ahead in range(1, MOST_AHEAD + 1)]
    speedup, ahead = max(speedups, key=lambda found: found[0])
    return Optimum(steps=1, tokens=ahead, speedup=speedup)


def speedup_by_steps(setting: Setting, palette: Palette = LIGHT) -> go.Figure:
    """Speedup of SD, LR and LR+SD against k₁, at the setting's k₂. Dotted where the parallel budget is exceeded."""
    k2 = setting.tokens_ahead
    alone = speculative(setting.tokens, k2)
    curves = _Curves("steps ahead, k₁", setting.steps_ahead, palette)
    curves.add("SD", palette.judge, lambda _: alone, lambda _: k2 <= setting.budget)
    curves.add(
        "LR",
        palette.target,
        lambda k1: lookahead(setting.steps, k1, setting.schedule),
        lambda k1: setting.fits(k1, 1),
    )
    curves.add("LR+SD", palette.ok, lambda k1: setting.speedup(k1, k2), lambda k1: setting.fits(k1, k2))
    return curves.figure(setting.speedup(setting.steps_ahead, k2))


def speedup_by_tokens(setting: Setting, palette: Palette = LIGHT) -> go.Figure:
    """Speedup of SD and LR+SD against k₂, at the setting's k₁, under and over the ceiling of SD alone."""
    k1 = setting.steps_ahead
    top = ceiling(setting.tokens)
    curves = _Curves("tokens ahead, k₂", setting.tokens_ahead, palette)
    curves.add("SD", palette.judge, lambda k2: speculative(setting.tokens, k2), lambda k2: k2 <= setting.budget)
    curves.add("LR+SD", palette.ok, lambda k2: setting.speedup(k1, k2), lambda k2: setting.fits(k1, k2))
    curves.level(
        top.speedup,
        f"ceiling of SD alone, {top.speedup:.2f}×",
        f"SD alone: never more than {top.speedup:.2f}×, at k₂ = {top.tokens}",
    )
    return curves.figure(setting.speedup(k1, setting.tokens_ahead))


def best_map(setting: Setting, palette: Palette = LIGHT) -> go.Figure:
    """Speedup of LR+SD over all k₁ and k₂ within the parallel budget, the optimum and the setting's own marked."""
    optimum = setting.optimum()
    own = setting.speedup(setting.steps_ahead, setting.tokens_ahead)
    reach = max(optimum.steps, optimum.tokens, setting.steps_ahead, setting.tokens_ahead)
    size = next(extent for extent in _EXTENTS if extent >= reach)
    counts = list(range(1, size + 1))
    found = f"best: k₁ = {optimum.steps}, k₂ = {optimum.tokens}, {optimum.speedup:.2f}×"
    speedups = {
        "type": "heatmap",
        "x": counts,
        "y": counts,
        "z": [[setting.speedup(k1, k2) if setting.fits(k1, k2) else None for k1 in counts] for k2 in counts],
        "colorscale": [[0, palette.panel], [0.5, palette.draft], [1, palette.target]],
        "colorbar": {"thickness": 10, "outlinewidth": 0, "ticksuffix": "×", "len": 1},
        "hoverongaps": False,
        "hovertemplate": "k₁ = %{x}, k₂ = %{y}: %{z:.2f}×<extra></extra>",
    }
    yours = {
        "x": [setting.steps_ahead],
        "y": [setting.tokens_ahead],
        "mode": "markers",
        "name": f"yours, {own:.2f}×",
        "marker": {"symbol": "circle-open", "size": 14, "color": palette.ink, "line": {"width": 2.5}},
        "hovertemplate": f"yours: {own:.2f}×<extra></extra>",
    }
    star = {
        "x": [optimum.steps],
        "y": [optimum.tokens],
        "mode": "markers",
        "name": found,
        "marker": {"symbol": "star", "size": 14, "color": "#f0e442", "line": {"width": 1.2, "color": "#000"}},
        "hovertemplate": f"{found}<extra></extra>",
    }
    axis = {"range": [0.5, size + 0.5], "showgrid": False, "tick0": 0, "dtick": size // 6}
    y_axis = {**axis, "title": {"text": "tokens ahead, k₂"}}
    return _figure(palette, "steps ahead, k₁", [speedups, star, yours], axis, y_axis)


def published_by_acceptance(setting: Setting, palette: Palette = LIGHT) -> go.Figure:
    """Published speedups of LR against the share of steps accepted, and what the formula says for the setting's c₁."""
    rates = [rate / 50 for rate in range(10, 41)]
    ahead = published.STEPS_AHEAD
    speedups = [lookahead(Layer(rate, setting.steps.cost), ahead, setting.schedule) for rate in rates]
    curve = {
        "x": rates,
        "y": speedups,
        "mode": "lines",
        "name": f"formula, c₁ = {setting.steps.cost:.2f}, k₁ = {ahead}",
        "line": {"color": palette.ok, "width": 2.5},
        "hovertemplate": "formula: %{y:.2f}× at α₁ = %{x:.2f}<extra></extra>",
    }
    points = _published_points(palette, lambda row: (row.acceptance, row.lookahead), "α₁ = %{x:.2f}, LR")
    y_axis = {"range": [min(0.9, *speedups), _top(speedups, least=2.0)], "ticksuffix": "×"}
    return _figure(palette, "share of drafted steps accepted, α₁", [curve, *points], {}, y_axis)


def published_products(palette: Palette = LIGHT) -> go.Figure:
    """Published speedups of LR+SD against LR × SD: the formula says that the two gains multiply."""
    ends = [1.2, 2.5]
    diagonal = {
        "x": ends,
        "y": ends,
        "mode": "lines",
        "name": "formula: they multiply",
        "line": {"color": palette.ok, "width": 2.5},
        "hoverinfo": "skip",
    }
    points = _published_points(
        palette, lambda row: (row.lookahead * row.speculative, row.combined), "LR × SD = %{x:.2f}×, LR+SD"
    )
    y_axis = {"title": {"text": "LR+SD"}, "range": ends, "ticksuffix": "×"}
    return _figure(palette, "LR × SD", [diagonal, *points], {"range": ends, "ticksuffix": "×"}, y_axis)


@dataclass
class _Curves:
    """Speedup over k = 1, 2, …, of which one is chosen."""

    x_title: str
    chosen: int
    palette: Palette
    traces: list[Properties] = field(default_factory=list)
    highest: float = 1.0

    @property
    def counts(self) -> range:
        return range(1, max(MOST_STEPS, self.chosen) + 1)

    def add(self, name: str, color: str, speedup: Callable[[int], float], fits: Callable[[int], bool]) -> None:
        """A line: solid where it is within the budget, dotted beyond."""
        every = {k: speedup(k) for k in self.counts}
        last = max((k for k in every if fits(k)), default=0)
        self.highest = max(self.highest, *every.values())
        within = [value if k <= last else None for k, value in every.items()]
        beyond = [value if last <= k and last < len(every) else None for k, value in every.items()]
        self._line(within, name, f"{name} at %{{x}}: %{{y:.2f}}×", {"color": color, "width": 2.5})
        over = {"color": color, "width": 1.5, "dash": "dot"}
        self._line(
            beyond, f"{name}, over budget", f"{name} at %{{x}}: %{{y:.2f}}×, over the budget", over, legend=False
        )

    def level(self, speedup: float, name: str, hover: str) -> None:
        """A line at one height."""
        line = {"color": self.palette.mut, "width": 1.5, "dash": "dash"}
        self._line([speedup] * len(self.counts), name, hover, line)

    def figure(self, speedup: float) -> go.Figure:
        """With a mark where `chosen` has this speedup."""
        mark = {
            "x": [self.chosen],
            "y": [speedup],
            "mode": "markers",
            "showlegend": False,
            "marker": {"size": 10, "color": self.palette.ok, "line": {"width": 2, "color": self.palette.ink}},
            "hovertemplate": f"yours: {speedup:.2f}×<extra></extra>",
        }
        most = len(self.counts)
        x_axis = {"range": [0.6, most + 0.4], "tick0": 0, "dtick": 2 if most <= MOST_STEPS else 8}
        y_axis = {"range": [0, _top([self.highest], least=2.0)], "ticksuffix": "×"}
        return _figure(self.palette, self.x_title, [*self.traces, mark], x_axis, y_axis)

    def _line(
        self, values: list[float | None] | list[float], name: str, hover: str, line: Properties, *, legend: bool = True
    ) -> None:
        self.traces.append(
            {
                "x": list(self.counts),
                "y": values,
                "mode": "lines",
                "name": name,
                "showlegend": legend,
                "line": line,
                "hovertemplate": hover + "<extra></extra>",
            }
        )


def _figure(
    palette: Palette, x_title: str, traces: Sequence[Properties], x_axis: Properties, y_axis: Properties
) -> go.Figure:
    axis = {"gridcolor": palette.line, "linecolor": palette.line, "zeroline": False, "fixedrange": True}
    layout = {
        "template": {},
        "margin": {"l": 50, "r": 14, "t": 52, "b": 40},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "system-ui, sans-serif", "size": 12, "color": palette.mut},
        "hoverlabel": {"bgcolor": palette.panel, "bordercolor": palette.line, "font": {"color": palette.ink}},
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        "showlegend": True,
        "xaxis": {**axis, "title": {"text": x_title, "standoff": 8}, **x_axis},
        "yaxis": {**axis, **y_axis},
    }
    return go.Figure([{"type": "scatter", **trace} for trace in traces], layout)


def _published_points(
    palette: Palette, place: Callable[[published.PublishedSpeedup], tuple[float, float]], what: str
) -> list[Properties]:
    """A trace for each pair of models."""
    looks = (("circle", palette.target), ("diamond", palette.judge))
    traces: list[Properties] = []
    pairs = dict.fromkeys(row.pair for row in published.SPEEDUPS)
    for pair, (symbol, color) in zip(pairs, looks, strict=True):
        rows = [row for row in published.SPEEDUPS if row.pair == pair]
        traces.append(
            {
                "x": [place(row)[0] for row in rows],
                "y": [place(row)[1] for row in rows],
                "text": [row.benchmark for row in rows],
                "mode": "markers",
                "name": f"{pair}, published",
                "marker": {"symbol": symbol, "size": 9, "color": color, "line": {"width": 1, "color": palette.panel}},
                "hovertemplate": f"{pair}, %{{text}}: {what} %{{y:.2f}}×<br>"
                f"published: {published.SOURCE}<extra></extra>",
            }
        )
    return traces


def _top(values: Iterable[float], least: float) -> float:
    """Upper end of an axis, in coarse steps so that it seldom moves."""
    largest = max(values)
    step = 0.5 if largest < 4 else 2.0
    return max(least, step * (int(largest * 1.05 / step) + 1))
