"""The Explore page: the history of runs, runs side by side, sweeps of a setting. Our own scripts do the rest."""

import gradio as gr

from lr_demo.config import Profile
from lr_demo.ui.mounts import SCRIPTS, masthead


def add_explore_page(pages: gr.Blocks, profile: Profile) -> None:
    """Add it to the application's pages, at `/explore`."""
    with pages.route("Explore", "/explore"):
        masthead("explore", profile)
        gr.HTML(
            "",
            html_template="<div class='ll-stage ll-explore'></div>",
            js_on_load=f"{SCRIPTS}.then((scripts) => scripts.mountExplore(element));",
            apply_default_css=False,
            elem_id="ll-explore",
        )
