"""The panel of simulated costs: the figures of the cost sheet that a run is simulated with, to be changed."""

from collections.abc import Mapping
from dataclasses import dataclass

import gradio as gr
from gradio.components import Component

from lr_demo.config import Inputs, Profile, SimulatedCosts, Work, load_cost_sheet
from lr_demo.config.cost_sheet import sheet_file
from lr_demo.errors import ConfigError
from lr_demo.ui.controls import Update

FIGURES = {
    "target_ms": "Target, ms a token",
    "draft_ms": "Draft, ms a token",
    "verdict_ms": "Verdict, ms",
    "target_growth": "Batch: each further sequence, share",
    "acceptance": "Acceptance of drafted steps, 0 to 1",
    "token_acceptance": "Acceptance of proposed tokens, 0 to 1",
}
_HINTS = {
    "acceptance": "Recorded verdicts stand unless this is changed; then they are drawn at this rate, and say so. ",
}


@dataclass(frozen=True)
class CostForm:
    """Its components; hidden where a profile has no simulated costs."""

    panel: gr.Accordion
    about: gr.Markdown
    figures: dict[str, gr.Number]
    """By their names in the sheet."""
    apply: gr.Button
    restore: gr.Button

    def outputs(self) -> list[Component | gr.Accordion]:
        """What `show` updates."""
        return [self.panel, self.about, *self.figures.values()]

    def show(self, profile: Profile) -> dict[Component | gr.Accordion, Update]:
        """Updates that make the panel say what a profile's costs are."""
        costs = profile.simulation.costs
        if costs is None:
            return {self.panel: gr.update(visible=False)}
        sources = _sources(costs)
        updates: dict[Component | gr.Accordion, Update] = {
            self.panel: gr.update(visible=True),
            self.about: gr.update(value=_about(costs)),
        }
        for name, component in self.figures.items():
            updates[component] = gr.update(value=getattr(costs, name), info=sources[name])
        return updates

    def read(self, values: Mapping[Component, object], profile: Profile) -> dict[str, float]:
        """The figures that the panel says; a blank one is the sheet's.

        Raises:
            ConfigError: the profile has no simulated costs.
        """
        costs = profile.simulation.costs
        if costs is None:
            raise ConfigError(f"profile {profile.name} has no simulated costs to change")
        told = costs.of_sheet()
        given = {name: values[component] for name, component in self.figures.items()}
        return {name: value if isinstance(value, int | float) else told[name] for name, value in given.items()}


def build_cost_form(profile: Profile) -> CostForm:
    """The panel, in the layout context it is to appear in."""
    costs = profile.simulation.costs
    sources = _sources(costs) if costs is not None else {}
    with gr.Accordion("◇ Simulated costs", open=False, visible=costs is not None, elem_id="ll-costs") as panel:
        about = gr.Markdown(_about(costs) if costs is not None else "")
        figures = {
            name: gr.Number(
                getattr(costs, name) if costs is not None else None,
                label=label,
                info=sources.get(name),
                elem_id=f"ll-cost-{name.replace('_', '-')}",
            )
            for name, label in FIGURES.items()
        }
        with gr.Row(elem_classes="ll-pair"):
            apply = gr.Button("Apply costs", size="sm", min_width=80, elem_id="ll-apply-costs")
            restore = gr.Button("Back to the sheet", size="sm", min_width=80, elem_id="ll-restore-costs")
    return CostForm(panel, about, figures, apply, restore)


def readable(error: ConfigError) -> str:
    """An error of a figure with the name that it has in the panel."""
    said = str(error)
    for name in sorted(FIGURES, key=len, reverse=True):
        said = said.replace(f"{name} = ", f"{FIGURES[name]} = ")
    return said


def _about(costs: SimulatedCosts) -> str:
    edited = f" **Edited:** {', '.join(costs.edited)}." if costs.edited else ""
    return (
        f"Stated, not measured: *{costs.title}*, {costs.workload}; all of them with their sources in "
        f"`configs/costs/{sheet_file(costs.sheet).name}`.{edited} They hold for everybody on this server; "
        "applying others ends runs that are under way."
    )


def _sources(costs: SimulatedCosts) -> dict[str, str]:
    """Each figure's source, as the sheet names it."""
    sheet = load_cost_sheet(str(sheet_file(costs.sheet)))
    work = next(each for each in sheet.workloads if each.name == costs.workload)
    parts: tuple[Inputs | Work, ...] = (sheet.inputs, work)
    found: dict[str, str] = {}
    for name in FIGURES:
        part = next(part for part in parts if name in type(part).model_fields)
        given = getattr(part, name)
        verified = "" if given.verified else " Not verified."
        found[name] = f"{_HINTS.get(name, '')}Sheet: {given.value:g}. {given.source}.{verified}"
    return found
