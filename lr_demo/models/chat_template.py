"""A chat as token ids in a model's own template, in which no message can pass for a part of the template."""

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import replace

from lr_demo.errors import ModelError
from lr_demo.models.dialect import Dialect
from lr_demo.models.protocol import Message


class ChatTemplate:
    """Renders the template once for each order of roles, around placeholders, and remembers its ids.

    Contents never meet the template: they are encoded as plain text and put in between.
    """

    def __init__(self, name: str, dialect: Dialect) -> None:
        self._name, self._dialect = name, dialect
        self._frames: dict[tuple[str, ...], list[list[int]]] = {}

    async def encode(self, messages: Sequence[Message]) -> list[int]:
        """Token ids of a chat, ready for the assistant's answer.

        Raises:
            ModelError: the server failed, or its template changes or drops a message's content.
        """
        roles = tuple(message.role for message in messages)
        if roles not in self._frames:
            self._frames[roles] = await self._frame(messages)
        frame = self._frames[roles]
        filled = [message.content for message in messages if message.content]
        encoded = iter(await asyncio.gather(*(self._dialect.encode_plain(content) for content in filled)))
        ids = list(frame[0])
        for message, behind in zip(messages, frame[1:], strict=True):
            if message.content:
                ids += next(encoded)
            ids += behind
        return ids

    async def _frame(self, messages: Sequence[Message]) -> list[list[int]]:
        """The template's own ids: before the first content, between two, and behind the last."""
        marks = [secrets.token_hex(12) for _ in messages]
        rest = await self._dialect.render([replace(m, content=mark) for m, mark in zip(messages, marks, strict=True)])
        texts = []
        for mark, message in zip(marks, messages, strict=True):
            text, found, rest = rest.partition(mark)
            if not found:
                raise ModelError(f"the chat template of {self._name} does not take {message.role} messages as they are")
            texts.append(text)
        texts.append(rest)
        return list(
            await asyncio.gather(
                *(self._dialect.encode_template(text, first=index == 0) for index, text in enumerate(texts))
            )
        )
