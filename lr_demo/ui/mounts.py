"""What every page of ours has: the way to our scripts, and the masthead."""

import gradio as gr

from lr_demo.config import Profile
from lr_demo.ui.static_files import address
from lr_demo.ui.views import profile_view

SCRIPTS = f"import(new URL({address('js/main.js')!r}, (window.gradio_config?.root ?? location.origin) + '/').href)"
"""A promise of our scripts. Templates are constant, and nothing of a model or a user goes through them."""


def masthead(page: str, profile: Profile) -> gr.HTML:
    """The top of a page. It raises `switched`, with the race that is asked for if any, when its profile is another."""
    return gr.HTML(
        html_template="<header class='ll-masthead'></header>",
        js_on_load=f"{SCRIPTS}.then((scripts) => scripts.mountMasthead(element, props, "
        "(race) => trigger('switched', { race })));",
        apply_default_css=False,
        page=page,
        profile=profile_view(profile).model_dump(),
        elem_id="ll-top",
    )
