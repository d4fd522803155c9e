"""What several commands take."""

from typing import Annotated

import typer

from lr_demo.cli.program import say
from lr_demo.config import Profile, load_profile
from lr_demo.serving.hardware import choose_profile

PROFILE_HELP = "Name of a profile, or path of a .yaml file. Default: what suits this machine."
ProfileOption = Annotated[str | None, typer.Option("--profile", help=PROFILE_HELP)]
ProfileArgument = Annotated[str | None, typer.Argument(help=PROFILE_HELP)]


def chosen_profile(name_or_path: str | None) -> Profile:
    """The profile that is asked for, or what suits this machine, which is said."""
    if name_or_path is None:
        name_or_path, reason = choose_profile()
        say(f"profile {name_or_path}: {reason}", style="dim")
    return load_profile(name_or_path)
