"""The command line: `python -m lr_demo run | serve | plan | probe | predict | export | doctor`."""

import typer

from lr_demo.cli.planning import plan, predict, probe
from lr_demo.cli.program import run_program
from lr_demo.cli.records import doctor, export
from lr_demo.cli.run import run
from lr_demo.cli.serve import serve

app = typer.Typer(
    help="Lookahead reasoning on real models: watch it, run it, measure it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (run, serve, plan, probe, predict, export, doctor):
    app.command()(command)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    return run_program(arguments, app, "python -m lr_demo")
