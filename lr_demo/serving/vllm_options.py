"""What vLLM itself says of the options it would be started with: its own parser, in a process that loads no model.

Run as `python -m lr_demo.serving.vllm_options` it reads command lines (JSON, a list of words each) from
standard input and writes what is wrong with each.
"""

import contextlib
import dataclasses
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec

from lr_demo.serving.processes import python_module

_MARK = "lookahead-live: options "
"""Begins the line with the findings; vLLM may write before it."""
_TIMEOUT_S = 120.0
"""Importing vLLM takes 5 to 20 s on a slow machine."""


@dataclasses.dataclass(frozen=True, slots=True)
class OptionCheck:
    """What vLLM says of several command lines."""

    mistakes: tuple[str | None, ...]
    """In their order; None: it knows every option."""
    unchecked: str | None = None
    """Why it could not be asked; there are no mistakes then."""


OptionChecker = Callable[[Sequence[Sequence[str]]], OptionCheck]


def check_options(command_lines: Sequence[Sequence[str]]) -> OptionCheck:
    """Have vLLM read the options of its OpenAI server: the words that follow the module's name; seconds."""
    none = (None,) * len(command_lines)
    if not command_lines:
        return OptionCheck(none)
    if find_spec("vllm") is None:
        return OptionCheck(none, "vLLM is not installed here")
    try:
        done = subprocess.run(
            python_module("lr_demo.serving.vllm_options"),
            input=json.dumps([list(words) for words in command_lines]),
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            env={**os.environ, "VLLM_NO_USAGE_STATS": "1", "VLLM_LOGGING_LEVEL": "ERROR", "PYTHONWARNINGS": "ignore"},
            check=False,
        )
    except subprocess.TimeoutExpired:
        return OptionCheck(none, f"vLLM did not answer within {_TIMEOUT_S:g} s")
    for line in done.stdout.splitlines():
        if line.startswith(_MARK):
            return OptionCheck(tuple(json.loads(line.removeprefix(_MARK))))
    last = done.stderr.strip().splitlines()[-1:] or [f"status {done.returncode}"]
    return OptionCheck(none, f"the vLLM that is installed could not be asked ({last[0][:300]})")


def _mistakes(command_lines: list[list[str]]) -> list[str | None]:
    """What is wrong with each command line."""
    from vllm.config import SpeculativeConfig
    from vllm.entrypoints.launchers.cli_args import make_arg_parser
    from vllm.utils.argparse_utils import FlexibleArgumentParser

    parser = make_arg_parser(FlexibleArgumentParser(prog="vllm"))
    speculative = {field.name for field in dataclasses.fields(SpeculativeConfig)}
    found: list[str | None] = []
    for words in command_lines:
        said = io.StringIO()
        try:
            with contextlib.redirect_stderr(said):
                options = parser.parse_args(words)
        except (SystemExit, ValueError) as error:
            last = said.getvalue().strip().splitlines()[-1:] or [str(error)]
            found.append(last[0].removeprefix("vllm: error: "))
            continue
        unknown = (options.speculative_config or {}).keys() - speculative
        found.append(f"--speculative-config has no {', '.join(sorted(unknown))}" if unknown else None)
    return found


if __name__ == "__main__":
    print(_MARK + json.dumps(_mistakes(json.load(sys.stdin))), flush=True)
