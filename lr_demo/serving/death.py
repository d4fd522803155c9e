"""Why a process is no server any more, and what to tell people about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lr_demo import limits
from lr_demo.serving.diagnosis import PORT_IN_USE, obituary
from lr_demo.serving.processes import Ended


@dataclass(frozen=True, slots=True)
class Death:
    """The end of one start of a server."""

    reason: str
    """For people, after the server's name."""
    ended: Ended | None = None
    """How the process ended, where it ended by itself."""
    last_words: str = ""
    """Its last lines, where it hung while it was loading: started again, it may come up."""

    @property
    def while_loading(self) -> bool:
        """Whether it hung before it was ready."""
        return bool(self.last_words)

    @property
    def lost_its_port(self) -> bool:
        """Whether another program has the port it was to have."""
        return self.ended is not None and any(PORT_IN_USE.search(line) for line in self.ended.tail)

    def notice(self, pause_s: float) -> str:
        """What to say while it waits to be started again."""
        if self.while_loading:
            return f"{self.reason}; it is started again in {pause_s:g} s. {self.last_words}"
        return f"it died: {self.reason}; it is started again in {pause_s:g} s"

    def obituary(self, name: str, log: Path) -> str:
        """What to say of a server that never came up and is not started again."""
        return obituary(name, self.ended, log) if self.ended is not None else self.reason

    def last_of(self, deaths: Sequence[float], name: str) -> str:
        """What to say after the last of so many deaths, each at a moment in seconds: it is given up."""
        often = f" {len(deaths)} times" if len(deaths) > 1 else ""
        if self.while_loading:
            return f"the server {name} was started{often} and did not come up: {self.reason}. {self.last_words}"
        if often and deaths[-1] - deaths[0] < limits.RESTART_WINDOW_S:
            often += f" within {limits.RESTART_WINDOW_S / 60:.0f} minutes"
        return f"it died{often}: {self.reason}. Restart it when that is mended"
