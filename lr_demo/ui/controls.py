"""The form of a run: its components, what applies in which mode, and how it becomes settings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import gradio as gr
from gradio.components import Component

from lr_demo.config import (
    DEFAULT_SCORE_THRESHOLD,
    DEFAULT_THRESHOLD,
    Mode,
    Profile,
    Proposals,
    RunSettings,
    Schedule,
    ScoreMethod,
    VerifierKind,
    parse_settings,
)
from lr_demo.ui.examples import examples_of
from lr_demo.ui.views import SHORT_NAMES

Update = dict[str, object]
"""What `gr.update` makes."""

MODE_NAMES = {
    Mode.LOOKAHEAD: "LR · lookahead reasoning",
    Mode.LOOKAHEAD_SPECULATIVE: "LR+SD · steps and tokens",
    Mode.SPECULATIVE: "SD · speculative decoding",
    Mode.AUTO: "Auto · chooses by itself",
    Mode.SPECREASON: "SpecReason · scored steps",
    Mode.AUTOREGRESSIVE: "AR · autoregressive",
}
VERIFIER_CHOICES = {
    VerifierKind.JUDGE: "LLM judge",
    VerifierKind.EMBEDDING: "Embedding similarity",
    VerifierKind.CASCADE: "Embedding, else judge",
    VerifierKind.EXACT: "Exact text",
    VerifierKind.RANDOM: "Random (a control)",
}
_THRESHOLD_HINTS = {
    VerifierKind.JUDGE: "Least probability of “same meaning”, 0 to 1",
    VerifierKind.EMBEDDING: "Least cosine similarity, 0 to 1",
    VerifierKind.CASCADE: "Cosine similarity that accepts without the judge, 0 to 1",
    VerifierKind.RANDOM: "Share of drafted steps accepted, 0 to 1",
    VerifierKind.EXACT: "",
}


@dataclass(frozen=True)
class Controls:
    """The components of the form. A run's settings are those that are named like one; the others say what is run."""

    example: gr.Dropdown
    prompt: gr.Textbox
    expected: gr.Textbox
    mode: gr.Dropdown
    rivals: gr.CheckboxGroup
    lookahead: gr.Slider
    width: gr.Slider
    verifier: gr.Dropdown
    threshold: gr.Slider
    schedule: gr.Radio
    parallel_budget: gr.Slider
    proposals: gr.Radio
    score_method: gr.Radio
    first_target_steps: gr.Number
    temperature: gr.Textbox
    """A number or nothing, which Gradio's fields for numbers make 0."""
    seed: gr.Number
    max_tokens: gr.Number
    step_cap: gr.Number
    remeasure: gr.Checkbox

    def all(self) -> set[Component]:
        return {getattr(self, field.name) for field in fields(self)}

    def settings(self) -> dict[str, Component]:
        """Setting name to its component."""
        return {name: getattr(self, name) for name in RunSettings.model_fields}

    def read(self, values: Mapping[Component, object], profile: Profile) -> RunSettings:
        """The settings that the form says; a blank field is the profile's default, a blank temperature the family's.

        Raises:
            ConfigError: a value is out of range; says which and what is allowed.
        """
        given = {name: values[component] for name, component in self.settings().items()}
        temperature = given["temperature"]
        given["temperature"] = ("" if temperature is None else str(temperature).strip()) or None
        base = profile.defaults.model_copy(update={"temperature": None})
        return parse_settings(base, given)

    def read_rivals(self, values: Mapping[Component, object]) -> list[Mode]:
        """The modes that the chosen one is raced against, in the order of the form; the chosen one is none of them."""
        chosen = values[self.rivals]
        modes = [Mode(str(mode)) for mode in chosen] if isinstance(chosen, list) else []
        return [mode for mode in SHORT_NAMES if mode in modes and mode != values[self.mode]]

    def show(
        self, profile: Profile, settings: RunSettings, rivals: Sequence[Mode] = (Mode.AUTOREGRESSIVE,)
    ) -> dict[Component, Update]:
        """Updates that make the form offer what a profile allows, and say these settings as far as it allows them."""
        settings = fitting(profile, settings)
        updates = applicable(self, profile, settings.mode, settings.verifier)
        for name, component in self.settings().items():
            update = {**updates.get(component, gr.update()), **_offered(profile, settings).get(name, {})}
            updates[component] = {**update, "value": getattr(settings, name)}
        updates[self.threshold]["value"] = settings.effective_threshold
        updates[self.temperature]["value"] = _in_words(settings.temperature)
        updates[self.rivals] = gr.update(**_rivals(profile, rivals))
        return updates

    def offer(self, profile: Profile, prompt: str) -> dict[Component, Update]:
        """Updates that offer a profile's examples; a problem that it cannot show gives way to the first of them."""
        examples = examples_of(profile)
        shown = next((each for each in examples if each.prompt == prompt.strip()), None)
        update = _examples(profile)
        if profile.replays and shown is None:
            shown = examples[0]
            return {
                self.example: gr.update(value=shown.title, **update),
                self.prompt: gr.update(value=shown.prompt),
                self.expected: gr.update(value=shown.expected),
            }
        kept: dict[Component, Update] = {self.prompt: gr.update(), self.expected: gr.update()}
        return {self.example: gr.update(value=(shown or examples[0]).title, **update), **kept}


def build_controls(profile: Profile) -> Controls:
    """The form's components, in the layout context they are to appear in."""
    defaults = fitting(profile, profile.defaults)
    mode = defaults.mode
    offered = _offered(profile, defaults)
    examples = examples_of(profile)
    example = gr.Dropdown(value=examples[0].title, label="Example problems", elem_id="ll-example", **_examples(profile))
    prompt = gr.Textbox(
        examples[0].prompt,
        label="Problem",
        lines=5,
        max_lines=12,
        elem_id="ll-prompt",
        placeholder="A problem to solve",
    )
    expected = gr.Textbox(
        examples[0].expected,
        label="Expected answer",
        placeholder="optional; no model is told",
        max_lines=1,
        elem_id="ll-expected",
    )
    mode_box = gr.Dropdown(value=mode.value, label="Mode", elem_id="ll-mode", **offered["mode"])
    rivals = gr.CheckboxGroup(label="Raced against", elem_id="ll-rivals", **_rivals(profile, [Mode.AUTOREGRESSIVE]))
    with gr.Row(elem_classes="ll-pair"):
        lookahead = gr.Slider(
            1, value=defaults.lookahead, step=1, label="Lookahead γ", min_width=100, buttons=[], **offered["lookahead"]
        )
        width = gr.Slider(
            1, value=defaults.width, step=1, label="Width W", min_width=100, buttons=[], **offered["width"]
        )
    verifier = gr.Dropdown(
        value=defaults.verifier.value, label="Verifier", elem_id="ll-verifier", **offered["verifier"]
    )
    threshold = gr.Slider(**_threshold(mode, defaults.verifier, defaults.effective_threshold), buttons=[])
    with gr.Accordion("Advanced", open=False, elem_id="ll-advanced"):
        schedule = gr.Radio(
            [("asynchronous", Schedule.ASYNC.value), ("synchronous", Schedule.SYNC.value)],
            value=defaults.schedule.value,
            label="Schedule",
        )
        budget = gr.Slider(
            1,
            value=defaults.parallel_budget,
            step=1,
            label="Parallel budget M",
            info="Most sequences the target decodes at once",
            buttons=[],
            **offered["parallel_budget"],
        )
        proposals = gr.Radio(
            [("drafted steps", Proposals.DRAFTED.value), ("n-grams", Proposals.NGRAM.value)],
            value=defaults.proposals.value,
            label="Token proposals",
            info="What the target checks several tokens at a time",
            elem_id="ll-proposals",
        )
        method = gr.Radio(
            [("expectation", ScoreMethod.EXPECTATION.value), ("greedy", ScoreMethod.GREEDY.value)],
            value=defaults.score_method.value,
            label="Score read as",
        )
        first = gr.Number(defaults.first_target_steps, label="First steps by the target", precision=0, minimum=0)
        temperature = gr.Textbox(
            _in_words(defaults.temperature),
            label="Temperature",
            placeholder="the model family’s",
            info="0 to 2; 0 is greedy",
            max_lines=1,
            elem_id="ll-temperature",
        )
        with gr.Row(elem_classes="ll-pair"):
            seed = gr.Number(defaults.seed, label="Seed", precision=0, minimum=0, min_width=100, elem_id="ll-seed")
            tokens = gr.Number(
                defaults.max_tokens, label="Most tokens", precision=0, minimum=1, min_width=100, elem_id="ll-max-tokens"
            )
        cap = gr.Number(defaults.step_cap, label="Step cap, tokens", precision=0, minimum=1)
        remeasure = gr.Checkbox(
            False, label="Measure the baseline again", info="Else one of the last four hours is taken"
        )
    controls = Controls(
        example=example,
        prompt=prompt,
        expected=expected,
        mode=mode_box,
        rivals=rivals,
        lookahead=lookahead,
        width=width,
        verifier=verifier,
        threshold=threshold,
        schedule=schedule,
        parallel_budget=budget,
        proposals=proposals,
        score_method=method,
        first_target_steps=first,
        temperature=temperature,
        seed=seed,
        max_tokens=tokens,
        step_cap=cap,
        remeasure=remeasure,
    )
    for component, update in applicable(controls, profile, mode, defaults.verifier).items():
        if "visible" in update:
            component.visible = bool(update["visible"])
    return controls


def fitting(profile: Profile, settings: RunSettings) -> RunSettings:
    """These settings, with a mode and a verifier that the profile's servers allow."""
    modes, verifiers = available_modes(profile), available_verifiers(profile)
    preferred = profile.defaults
    if settings.mode not in modes:
        mode = preferred.mode if preferred.mode in modes else modes[0]
        settings = settings.model_copy(update={"mode": mode, "threshold": None})
    if settings.verifier not in verifiers:
        verifier = preferred.verifier if preferred.verifier in verifiers else verifiers[0]
        settings = settings.model_copy(update={"verifier": verifier, "threshold": None})
    return settings


def _in_words(temperature: float | None) -> str:
    return "" if temperature is None else f"{temperature:g}"


def _examples(profile: Profile) -> Update:
    """What the list of examples offers, and says."""
    info = "Recorded with real models. No model runs here, so nothing else can be solved." if profile.replays else None
    return {"choices": [each.title for each in examples_of(profile)], "info": info}


def _offered(profile: Profile, settings: RunSettings) -> dict[str, Update]:
    """Setting name to what can be chosen with this profile, the present settings among it."""
    return {
        "mode": {
            "choices": [(MODE_NAMES[mode], mode.value) for mode in available_modes(profile)],
            "info": _about_modes(profile),
        },
        "verifier": {"choices": [(VERIFIER_CHOICES[kind], kind.value) for kind in available_verifiers(profile)]},
        "lookahead": {"maximum": max(8, profile.defaults.lookahead, settings.lookahead)},
        "width": {"maximum": max(4, profile.defaults.width, settings.width)},
        "parallel_budget": {"maximum": max(16, profile.defaults.parallel_budget, settings.parallel_budget)},
    }


def _rivals(profile: Profile, chosen: Sequence[Mode]) -> Update:
    """The modes that a profile can race against, and which are chosen."""
    modes = [mode for mode in SHORT_NAMES if _possible(profile, mode)]
    return {
        "choices": [(SHORT_NAMES[mode], mode.value) for mode in modes],
        "value": [mode.value for mode in modes if mode in chosen],
    }


def applicable(controls: Controls, profile: Profile, mode: Mode, verifier: VerifierKind) -> dict[Component, Update]:
    """Which controls mean something in a mode on a profile's servers, and the threshold's scale."""
    compares, scores = mode.compares_steps, mode is Mode.SPECREASON
    updates: dict[Component, Update] = {
        getattr(controls, name): gr.update(visible=compares) for name in ("verifier", "parallel_budget")
    }
    updates |= {
        getattr(controls, name): gr.update(visible=compares and mode is not Mode.AUTO)
        for name in ("lookahead", "width", "schedule")
    }
    updates |= {getattr(controls, name): gr.update(visible=scores) for name in ("score_method", "first_target_steps")}
    updates[controls.proposals] = gr.update(visible=mode.may_speculate_tokens and profile.proposes_either)
    updates[controls.remeasure] = gr.update(visible=mode is not Mode.AUTOREGRESSIVE)
    updates[controls.threshold] = gr.update(**_threshold(mode, verifier, None))
    return updates


def _threshold(mode: Mode, verifier: VerifierKind, value: float | None) -> Update:
    """Scale, label and visibility of the threshold."""
    if mode is Mode.SPECREASON:
        default, top, step, hint = DEFAULT_SCORE_THRESHOLD, 9, 0.5, "Least score of a drafted step, 0 to 9"
    else:
        default, top, step, hint = DEFAULT_THRESHOLD.get(verifier, 0.5), 1, 0.01, _THRESHOLD_HINTS[verifier]
    shown = mode is Mode.SPECREASON or (mode.compares_steps and verifier is not VerifierKind.EXACT)
    return {
        "minimum": 0,
        "maximum": top,
        "step": step,
        "value": default if value is None else value,
        "label": "Threshold",
        "info": hint,
        "visible": shown,
    }


def available_modes(profile: Profile) -> list[Mode]:
    """The modes that a profile's servers allow, the profile's default verifier or another."""
    return [mode for mode in MODE_NAMES if _possible(profile, mode)]


def available_verifiers(profile: Profile) -> list[VerifierKind]:
    settings = profile.defaults.model_copy(update={"mode": Mode.LOOKAHEAD})
    missing = {kind: profile.missing_for(settings.model_copy(update={"verifier": kind})) for kind in VerifierKind}
    least = min(len(lacks) for lacks in missing.values())
    return [kind for kind in VERIFIER_CHOICES if len(missing[kind]) == least]


def _possible(profile: Profile, mode: Mode) -> bool:
    settings = profile.defaults.model_copy(update={"mode": mode, "verifier": VerifierKind.EXACT})
    return not profile.missing_for(settings)


def _about_modes(profile: Profile) -> str | None:
    """What is to be known before a mode is chosen."""
    return " ".join(filter(None, (_missing_modes(profile), _slow_to_begin(profile)))) or None


def _slow_to_begin(profile: Profile) -> str:
    """The modes whose first run starts a server."""
    server = profile.servers[profile.roles.speculative_target] if profile.roles.speculative_target else None
    modes = [MODE_NAMES[mode].split(" ·")[0] for mode in available_modes(profile) if mode.speculates_tokens]
    if not getattr(server, "on_demand", False) or not modes:
        return ""
    return f"{' and '.join(modes)} begin with a wait: the first such run starts a target that speculates."


def _missing_modes(profile: Profile) -> str:
    """What the other modes would need, in one sentence for each thing that is missing."""
    lacking: dict[str, list[str]] = {}
    for mode, name in MODE_NAMES.items():
        settings = profile.defaults.model_copy(update={"mode": mode, "verifier": VerifierKind.EXACT})
        missing = profile.missing_for(settings)
        if missing:
            lacking.setdefault(" and ".join(missing), []).append(name.split(" ·")[0])
    return " ".join(f"Not here: {', '.join(modes)}, for want of {what}." for what, modes in lacking.items())
