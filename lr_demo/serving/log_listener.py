"""Reads a server's log as it comes: how far the loading is, and where it serves."""

import asyncio
from collections.abc import Callable

from lr_demo.serving.launch import Launch


class LogListener:
    """Takes the lines of one start; `address` is set when the server takes requests."""

    def __init__(self, launch: Launch, address: asyncio.Future[str], tell: Callable[[str, float], None]) -> None:
        self._launch = launch
        self._address = address
        self._tell = tell
        self._share = 0.0
        self._base = ""

    def feed(self, line: str) -> None:
        """Take one line."""
        if self._address.done():
            return
        milestones = self._launch.milestones
        for index, milestone in enumerate(milestones):
            if match := milestone.pattern.search(line):
                share = milestone.share
                if (percent := match.groupdict().get("percent")) is not None:
                    following = milestones[index + 1].share if index + 1 < len(milestones) else 1.0
                    share += (following - share) * int(percent) / 100
                if share >= self._share:
                    self._share = share
                    self._tell(milestone.sentence, share)
        if match := self._launch.listening.search(line):
            self._base = match[1]
        if self._base and self._launch.announced.search(line):
            self._address.set_result(self._base)
