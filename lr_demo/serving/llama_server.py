"""A llama.cpp server in a process of its own: `python -m lr_demo.serving.llama_server --model FILE …`.

It prints one line with its address when it serves, and serves until it is ended by a signal; its
supervisor sees to that when the application goes.
"""

import argparse
import dataclasses
import os
import signal
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import xllamacpp

READY = "lookahead-live: serving on"
"""Begins the line that tells the address."""
_LAST_WORDS_S = 0.5
"""llama.cpp says why it cannot start in a thread of its own; of a process that ends at once, nothing may be heard."""


@dataclasses.dataclass(frozen=True, slots=True)
class Options:
    """What the server is started with; each field is an argument of the same name."""

    model: str
    """Path of a GGUF file."""
    name: str
    """What requests call the model."""
    host: str = "127.0.0.1"
    port: int = 0
    """0: one the system chooses."""
    slots: int = 4
    """Requests worked on at once."""
    context: int = 4096
    """Tokens of each slot."""
    threads: int = 2
    proposals: int = 0
    """Token-level speculation: most tokens proposed a pass; 0: none."""
    lookup: int = 0
    """Where no model proposes: so many tokens must be as the last time, and what followed then is proposed."""
    proposer: str = ""
    """Path of the GGUF file of the model that proposes."""


def to_arguments(options: Options) -> list[str]:
    """The command-line arguments of these options."""
    return [f"--{name}={value}" for name, value in dataclasses.asdict(options).items()]


def _parse(arguments: list[str]) -> Options:
    parser = argparse.ArgumentParser(description=__doc__)
    for field in dataclasses.fields(Options):
        if field.default is dataclasses.MISSING:
            parser.add_argument(f"--{field.name}", required=True)
        else:
            parser.add_argument(f"--{field.name}", type=type(field.default), default=field.default)
    return Options(**vars(parser.parse_args(arguments)))


def serve(options: Options) -> None:
    """Load the model and serve until a signal ends the process.

    Raises:
        RuntimeError: the model cannot be loaded; llama.cpp has said why in the output.
    """
    import xllamacpp

    signal.signal(signal.SIGINT, signal.SIG_DFL)
    params = xllamacpp.CommonParams()
    params.model.path = options.model
    params.model_alias = {options.name}
    params.hostnames = [options.host]
    params.port = options.port
    params.n_parallel = options.slots
    params.n_ctx = options.context * options.slots
    params.kv_unified = False
    params.cpuparams.n_threads = options.threads
    params.cpuparams_batch.n_threads = options.threads
    params.endpoint_slots = True
    params.endpoint_metrics = True
    params.ui = False
    params.cors_origins = f"http://{options.host}"
    params.cors_origins_explicit = True
    if options.proposals:
        _speculate(params, options)
    server = xllamacpp.Server(params)
    os.write(sys.stdout.fileno(), f"{READY} {server.listening_address}\n".encode())  # whole: llama.cpp writes there too
    signal.pause()


def _speculate(params: "xllamacpp.CommonParams", options: Options) -> None:
    """Switch token-level speculation on, as the options say."""
    from xllamacpp import common_speculative_type as kinds

    speculation = params.speculative
    if options.proposer:
        speculation.types = [kinds.COMMON_SPECULATIVE_TYPE_DRAFT_SIMPLE]
        speculation.draft.mparams.path = options.proposer
        speculation.draft.n_max = options.proposals
        speculation.draft.cpuparams.n_threads = options.threads
        speculation.draft.cpuparams_batch.n_threads = options.threads
    else:
        speculation.types = [kinds.COMMON_SPECULATIVE_TYPE_NGRAM_SIMPLE]
        speculation.ngram_simple.size_n = options.lookup
        speculation.ngram_simple.size_m = options.proposals


if __name__ == "__main__":
    try:
        serve(_parse(sys.argv[1:]))
    except RuntimeError as error:
        time.sleep(_LAST_WORDS_S)
        sys.exit(f"llama.cpp could not start: {error}")
