"""The look of the page outside our own components: Gradio's theme, fonts that are on the machine, the head."""

from pathlib import Path

import gradio as gr

from lr_demo.ui.static_files import FOLDER, address

FAVICON = Path(FOLDER / "favicon.svg")
_NO_LINKS = "<style>.nav-holder { display: none }</style>"
"""Gradio's own links to the pages: the masthead has them. In the page itself, so that they never show."""
_STYLES = (
    "tokens",
    "page",
    "stage",
    "cards",
    "fleet",
    "learn",
    "explore",
    "saving",
    "simulated",
    "charts",
    "tree",
    "big",
)

THEME = gr.themes.Base(
    primary_hue=gr.themes.Color(
        "#eef7fc",
        "#d6ecf8",
        "#aed9f1",
        "#7cc2e8",
        "#3f9fd4",
        "#0072b2",
        "#00639b",
        "#005280",
        "#004268",
        "#003453",
        "#00263d",
    ),
    neutral_hue="slate",
    radius_size="md",
    spacing_size="md",
    text_size="md",
    font=["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"],
    font_mono=["ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace"],
).set(
    body_background_fill="#f7f8fa",
    body_background_fill_dark="#0f141b",
    body_text_color="#16202c",
    body_text_color_dark="#e8edf3",
    body_text_color_subdued="#5b6675",
    body_text_color_subdued_dark="#9aa7b6",
    block_info_text_color="#5b6675",
    block_info_text_color_dark="#9aa7b6",
    input_placeholder_color="#5b6675",
    input_placeholder_color_dark="#9aa7b6",
    block_background_fill="transparent",
    block_background_fill_dark="transparent",
    block_border_width="0px",
    block_padding="0px",
    block_shadow="none",
    block_label_background_fill="transparent",
    block_label_background_fill_dark="transparent",
    background_fill_secondary_dark="#171e27",
    border_color_primary="#dfe3e9",
    border_color_primary_dark="#2a3440",
    input_background_fill="#ffffff",
    input_background_fill_dark="#111820",
    input_border_width="1px",
    input_border_color="#c9d0d9",
    input_border_color_dark="#36424f",
    button_primary_background_fill="#0072b2",
    button_primary_background_fill_hover="#00639b",
    button_primary_background_fill_dark="#0072b2",
    button_primary_background_fill_hover_dark="#00639b",
    button_primary_text_color="#ffffff",
    slider_color="#0072b2",
    slider_color_dark="#56b4e9",
)


def head() -> str:
    """Our styles as links: Gradio's `css` rewrites rules, and loses borders on the way."""
    return _NO_LINKS + "".join(f'<link rel="stylesheet" href="{address(f"css/{name}.css")}">' for name in _STYLES)
