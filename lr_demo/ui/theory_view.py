"""What the Learn page's sliders ask, and what they get: speedups by the formulas, and five figures."""

from functools import cache

import plotly.graph_objects as go
from pydantic import BaseModel, ConfigDict, Field

from lr_demo.charts import (
    DARK,
    LIGHT,
    Palette,
    Setting,
    best_map,
    ceiling,
    published_by_acceptance,
    published_products,
    speedup_by_steps,
    speedup_by_tokens,
)
from lr_demo.config import Schedule
from lr_demo.theory import MOST_AHEAD, Layer, lookahead, speculative
from lr_demo.ui.views import View


class TheoryQuery(BaseModel):
    """The sliders, and the reader's own numbers."""

    model_config = ConfigDict(allow_inf_nan=False, extra="forbid")

    alpha1: float = Field(ge=0, le=1)
    cost1: float = Field(ge=0.01, le=10)
    steps: int = Field(ge=1, le=MOST_AHEAD)
    alpha2: float = Field(ge=0, le=1)
    cost2: float = Field(ge=0.001, le=10)
    tokens: int = Field(ge=1, le=MOST_AHEAD)
    budget: int = Field(ge=1, le=256)
    schedule: Schedule = Schedule.ASYNC
    rate: float = Field(gt=0, le=100_000)
    """Tokens per second of the target alone."""
    answer: int = Field(ge=1, le=1_000_000)
    """Tokens of an answer."""
    dark: bool = False

    def setting(self) -> Setting:
        return Setting(
            Layer(self.alpha1, self.cost1),
            Layer(self.alpha2, self.cost2),
            self.steps,
            self.tokens,
            self.budget,
            self.schedule,
        )


class SchemeView(View):
    """What a scheme comes to by the formula."""

    scheme: str
    how: str
    speedup: float
    tokens_per_s: float
    seconds: float
    """For the answer."""
    sequences: int
    """That the target works on at once."""
    fits: bool
    """Within the parallel budget."""


class TheoryView(View):
    schemes: list[SchemeView]
    ceiling: float
    """The most that SD alone comes to, ×."""


def theory_view(query: TheoryQuery) -> TheoryView:
    """The schemes at the reader's speed; a pure function of the numbers."""
    setting = query.setting()
    k1, k2, optimum = query.steps, query.tokens, setting.optimum()
    asked = [
        ("AR", "", 1.0, 1),
        ("SD", f"k₂ {k2}", speculative(setting.tokens, k2), k2),
        ("LR", f"k₁ {k1}", lookahead(setting.steps, k1, setting.schedule), setting.sequences(k1, 1)),
        ("LR+SD", f"k₁ {k1}, k₂ {k2}", setting.speedup(k1, k2), setting.sequences(k1, k2)),
        (
            "LR+SD, best",
            f"k₁ {optimum.steps}, k₂ {optimum.tokens}",
            optimum.speedup,
            setting.sequences(optimum.steps, optimum.tokens),
        ),
    ]
    schemes = [
        SchemeView(
            scheme=scheme,
            how=how,
            speedup=speedup,
            tokens_per_s=query.rate * speedup,
            seconds=query.answer / (query.rate * speedup),
            sequences=sequences,
            fits=sequences <= query.budget,
        )
        for scheme, how, speedup, sequences in asked
    ]
    return TheoryView(schemes=schemes, ceiling=ceiling(setting.tokens).speedup)


def theory_figures(query: TheoryQuery) -> dict[str, str]:
    """The figures as Plotly's JSON, by the names of their places on the page."""
    setting, palette = query.setting(), DARK if query.dark else LIGHT
    figures: dict[str, go.Figure] = {
        "steps": speedup_by_steps(setting, palette),
        "tokens": speedup_by_tokens(setting, palette),
        "map": best_map(setting, palette),
        "acceptance": published_by_acceptance(setting, palette),
    }
    return {**{name: figure.to_json() for name, figure in figures.items()}, "products": _products(palette)}


@cache
def _products(palette: Palette) -> str:
    figure: str = published_products(palette).to_json()
    return figure
