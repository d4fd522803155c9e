"""vLLM's OpenAI server on processors: its engine is forked from it, ready to go.

By itself vLLM starts the engine as a new program, which graphics cards make necessary, and imports everything a second
time: half of what a small model takes until it answers.
"""

import multiprocessing
from multiprocessing.context import BaseContext

from vllm.entrypoints.launchers.api_server.entry import main
from vllm.v1.engine import utils


def _forking() -> BaseContext:
    return multiprocessing.get_context("fork")


if __name__ == "__main__":
    utils.get_mp_context = _forking
    main()
