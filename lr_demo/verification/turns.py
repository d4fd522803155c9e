"""Asking a model the same thing again and again: what stands around the changing text is encoded once."""

from collections.abc import Sequence

from lr_demo.errors import ModelError
from lr_demo.models.protocol import LanguageModel, Message

PLACE = "The text that changes."
"""The content of the message that is to be replaced."""


async def around_place(model: LanguageModel, chat: Sequence[Message]) -> tuple[list[int], list[int]]:
    """Token ids of a chat before and behind its message whose content is `PLACE`.

    Raises:
        ModelError: the server failed, or the model's template does not leave that content as it is.
    """
    place = await model.encode(PLACE)
    ids = await model.chat_prompt(chat)
    for start in range(len(ids) - len(place), -1, -1):
        if ids[start : start + len(place)] == place:
            return ids[:start], ids[start + len(place) :]
    raise ModelError(f"the chat template of {model.name} changes what a message says: it cannot be asked for a verdict")
