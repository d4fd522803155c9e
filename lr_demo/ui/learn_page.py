"""The Learn page: recorded runs stage by stage, and the theory with sliders. It needs no model server."""

import gradio as gr

from lr_demo.config import Profile
from lr_demo.ui.mounts import SCRIPTS, masthead


def add_learn_page(pages: gr.Blocks, profile: Profile) -> None:
    """Add it to the application's pages, at `/learn`."""
    with pages.route("Learn", "/learn"):
        masthead("learn", profile)
        gr.HTML(
            "",
            html_template="<div class='ll-stage ll-learn'></div>",
            js_on_load=f"{SCRIPTS}.then((scripts) => scripts.mountLearn(element));",
            apply_default_css=False,
            elem_id="ll-learn",
        )
