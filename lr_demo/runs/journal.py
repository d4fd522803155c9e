"""The program's own log file, for what a user is not shown: tracebacks of errors that nobody expected."""

import logging
from logging.handlers import RotatingFileHandler
from pathlib import Path

MOST_BYTES = 1_000_000


class _QuietFile(RotatingFileHandler):
    """A full disk must not fill the terminal too."""

    def handleError(self, record: logging.LogRecord) -> None:
        return


class Journal:
    """Writes what `lr_demo` logs into a file while it is open; where the file cannot be written, nowhere."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handler: logging.Handler = logging.NullHandler()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._handler = _QuietFile(path, maxBytes=MOST_BYTES, backupCount=1, delay=True, encoding="utf-8")
        except OSError:
            self._handler = logging.NullHandler()
        self._handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        logging.getLogger("lr_demo").addHandler(self._handler)

    def close(self) -> None:
        logging.getLogger("lr_demo").removeHandler(self._handler)
        self._handler.close()
