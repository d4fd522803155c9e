"""The Live page: a form of Gradio components beside our own stage, which follows the race by itself.

The form is that of the profile the page was built for; when the servers are switched to another one,
the masthead hears of it and the form follows.
"""

import html
from collections.abc import Mapping
from contextlib import suppress

import gradio as gr
from gradio.components import Component

from lr_demo.config import Mode, VerifierKind
from lr_demo.errors import ConfigError, UserError
from lr_demo.runs.manager import RunManager
from lr_demo.ui.controls import Controls, Update, applicable, build_controls
from lr_demo.ui.cost_form import CostForm, build_cost_form, readable
from lr_demo.ui.examples import examples_of
from lr_demo.ui.explore_page import add_explore_page
from lr_demo.ui.fleet_page import add_fleet_page
from lr_demo.ui.learn_page import add_learn_page
from lr_demo.ui.mounts import SCRIPTS, masthead
from lr_demo.ui.share import read_link

Values = Mapping[Component, object]
Updates = dict[Component, Update]

_ON_LOAD = {
    "stage": f"{SCRIPTS}.then((page) => page.mountStage(element, props, watch, "
    "{ ended: () => trigger('ended'), shown: (race) => trigger('shown', { race }), "
    "linked: (link) => trigger('linked', link) }));",
    "problem": "const say = () => { const line = element.querySelector('.ll-problem'); "
    "line.textContent = props.value ?? ''; line.hidden = !props.value; }; watch('value', say); say();",
}


def build_page(manager: RunManager) -> gr.Blocks:
    """The pages for one manager, of which this is the first."""
    profile = manager.profile
    with gr.Blocks(title="Lookahead Live", analytics_enabled=False, fill_width=True) as page:
        top = masthead("live", profile)
        with gr.Row(elem_id="ll-main"):
            with gr.Column(elem_id="ll-form", min_width=260):
                with gr.Column(elem_id="ll-fields"):
                    controls = build_controls(profile)
                    costs = build_cost_form(profile)
                with gr.Row(elem_classes="ll-buttons"):
                    run = gr.Button("▶ Run", variant="primary", elem_id="ll-run", min_width=80)
                    stop = gr.Button("■ Stop", variant="secondary", elem_id="ll-stop", interactive=False, min_width=80)
                problem = gr.HTML(
                    "",
                    html_template="<p class='ll-problem' role='alert' hidden></p>",
                    js_on_load=_ON_LOAD["problem"],
                    apply_default_css=False,
                )
            with gr.Column(elem_id="ll-right", min_width=300):
                stage = gr.HTML(
                    "",
                    html_template="<div class='ll-stage'></div>",
                    js_on_load=_ON_LOAD["stage"],
                    apply_default_css=False,
                    elem_id="ll-stage",
                )
        _wire(manager, controls, run=run, stop=stop, problem=problem, stage=stage)
        _wire_costs(manager, controls, costs, problem)
        _follow_profile(manager, controls, costs, top)
    add_learn_page(page, profile)
    add_explore_page(page, profile)
    add_fleet_page(page, profile)
    return page


def _wire(
    manager: RunManager,
    controls: Controls,
    *,
    run: gr.Button,
    stop: gr.Button,
    problem: gr.HTML,
    stage: gr.HTML,
) -> None:
    """What happens on what."""

    def start(values: Values) -> Updates:
        try:
            settings = controls.read(values, manager.profile)
            rivals = controls.read_rivals(values)
            race = manager.start(
                _text(values[controls.prompt]),
                settings,
                baseline=Mode.AUTOREGRESSIVE in rivals,
                remeasure=bool(values[controls.remeasure]),
                rivals=[mode for mode in rivals if mode is not Mode.AUTOREGRESSIVE],
                expected=_text(values[controls.expected]),
            )
        except UserError as error:
            gr.Warning(html.escape(str(error)), title="Not started")
            return {problem: gr.update(value=str(error))}
        return {
            stage: gr.update(value=race.id),
            stop: gr.update(interactive=True),
            problem: gr.update(value=""),
            controls.remeasure: gr.update(value=False),
        }

    def end(race_id: str | None) -> Update:
        if race_id:
            try:
                manager.stop(race_id)
            except UserError as error:
                gr.Warning(html.escape(str(error)), title="Not stopped")
        no_more: Update = gr.update(interactive=False)
        return no_more

    def restore(shown: gr.EventData) -> Updates:
        """The form says what the race that is shown was started with."""
        try:
            race = manager.race(str(shown.race))
        except UserError:
            return {stop: gr.update(interactive=False)}
        against = [handle.settings.mode for handle in race.handles if handle is not race.run]
        return {
            **controls.show(manager.profile, race.run.settings, against),
            controls.prompt: gr.update(value=race.run.prompt),
            controls.expected: gr.update(value=race.expected),
            stage: gr.update(value=race.id),
            stop: gr.update(interactive=not race.over),
        }

    def fill(link: gr.EventData) -> Updates:
        """The form says what a link asks for; nothing is started."""
        try:
            wish = read_link(link.settings, link.prompt, manager.profile)
        except UserError as error:
            return {problem: gr.update(value=str(error))}
        gr.Info(
            "The problem and settings of the link are filled in. Nothing was started: press Run.", title="From a link"
        )
        prompt: Updates = {controls.prompt: gr.update(value=wish.prompt)} if wish.prompt is not None else {}
        return {**controls.show(manager.profile, wish.settings), **prompt, problem: gr.update(value="")}

    def fit(values: Values) -> Updates:
        mode, verifier = Mode(str(values[controls.mode])), VerifierKind(str(values[controls.verifier]))
        return applicable(controls, manager.profile, mode, verifier)

    def take_example(title: str) -> tuple[Update, Update]:
        chosen = next((each for each in examples_of(manager.profile) if each.title == title), None)
        if chosen is None:
            return gr.update(), gr.update()
        return gr.update(value=chosen.prompt), gr.update(value=chosen.expected)

    private = {"api_visibility": "private", "show_progress": "hidden"}
    started: list[Component] = [stage, stop, problem, controls.remeasure]
    starts = [run.click, controls.prompt.submit, controls.expected.submit]
    gr.on(starts, start, js=_when_ready(len(controls.all())), inputs=controls.all(), outputs=started, **private)
    stop.click(end, inputs=stage, outputs=stop, **private)
    stage.ended(lambda: gr.update(interactive=False), outputs=stop, queue=False, **private)
    fitted = list(applicable(controls, manager.profile, Mode.LOOKAHEAD, VerifierKind.EXACT))
    gr.on(
        [controls.mode.input, controls.verifier.input],
        fit,
        inputs={controls.mode, controls.verifier},
        outputs=fitted,
        queue=False,
        **private,
    )
    controls.example.input(
        take_example, inputs=controls.example, outputs=[controls.prompt, controls.expected], queue=False, **private
    )
    restored = [*(controls.all() - {controls.example}), stage, stop]
    stage.shown(restore, outputs=restored, queue=False, **private)
    stage.linked(fill, outputs=[*(controls.all() - {controls.example}), problem], **private)


def _wire_costs(manager: RunManager, controls: Controls, costs: CostForm, problem: gr.HTML) -> None:
    """Costs that are applied make another profile, of which the masthead hears; the form stays as it is."""

    def switch(values: Values, figures: Mapping[str, float]) -> Update:
        try:
            profile = manager.profile
            manager.switch_profile(profile.with_costs(figures, controls.read(values, profile)))
        except ConfigError as error:
            gr.Warning(html.escape(readable(error)), title="Costs not applied")
            refused: Update = gr.update(value=readable(error))
            return refused
        said: Update = gr.update(value="")
        return said

    def apply(values: Values) -> Update:
        try:
            return switch(values, costs.read(values, manager.profile))
        except ConfigError as error:
            refused: Update = gr.update(value=str(error))
            return refused

    def restore(values: Values) -> Update:
        told = manager.profile.simulation.costs
        return switch(values, told.of_sheet() if told is not None else {})

    private = {"api_visibility": "private", "show_progress": "hidden"}
    given = {*controls.all(), *costs.figures.values()}
    costs.apply.click(apply, inputs=given, outputs=problem, **private)
    costs.restore.click(restore, inputs=controls.all(), outputs=problem, **private)


def _follow_profile(manager: RunManager, controls: Controls, costs: CostForm, top: gr.HTML) -> None:
    """The form fits the profile that runs are started on."""

    def refit(prompt: str, news: gr.EventData) -> dict[Component | gr.Accordion, Update]:
        """The profile's defaults; for a page that is opened with a race, that race's settings."""
        settings, against = manager.profile.defaults, [Mode.AUTOREGRESSIVE]
        if news.race:
            with suppress(UserError):  # the stage says that there is no such race
                race = manager.race(str(news.race))
                settings, prompt = race.run.settings, race.run.prompt
                against = [handle.settings.mode for handle in race.handles if handle is not race.run]
        profile = manager.profile
        return {**controls.show(profile, settings, against), **controls.offer(profile, prompt), **costs.show(profile)}

    fitted = [
        *controls.settings().values(),
        controls.remeasure,
        controls.rivals,
        controls.example,
        controls.prompt,
        controls.expected,
        *costs.outputs(),
    ]
    top.switched(
        refit, inputs=controls.prompt, outputs=fitted, queue=False, api_visibility="private", show_progress="hidden"
    )


def _when_ready(inputs: int) -> str:
    """Script that passes that many inputs on when the page is ready for a run: it may count down first."""
    return f"async (...values) => {{ await {SCRIPTS}.then((page) => page.ready()); return values.slice(0, {inputs}); }}"


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
