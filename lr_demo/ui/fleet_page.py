"""The Fleet page: the profile, and what each of its servers is doing. Our own stage follows it by itself."""

import gradio as gr

from lr_demo.config import Profile
from lr_demo.ui.mounts import SCRIPTS, masthead


def add_fleet_page(pages: gr.Blocks, profile: Profile) -> None:
    """Add it to the application's pages, at `/fleet`."""
    with pages.route("Fleet", "/fleet"):
        masthead("fleet", profile)
        gr.HTML(
            "",
            html_template="<div class='ll-fleet'></div>",
            js_on_load=f"{SCRIPTS}.then((scripts) => scripts.mountFleet(element));",
            apply_default_css=False,
            elem_id="ll-fleet",
        )
