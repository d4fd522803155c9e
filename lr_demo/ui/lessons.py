"""The runs that ship with the application, for the Learn page: recorded ones, and simulated ones that say so."""

from dataclasses import replace
from enum import StrEnum
from pathlib import Path

import yaml
from pydantic import Field, ValidationError

from lr_demo.config.strict import Strict
from lr_demo.errors import TraceError, UserError
from lr_demo.events import Event
from lr_demo.runs.traces import read_trace
from lr_demo.ui.stages import Stage, StageKind
from lr_demo.ui.tour import stages

FOLDER = Path(__file__).resolve().parents[2] / "assets" / "lessons"
INDEX = "lessons.yaml"


class Group(StrEnum):
    TOUR = "tour"
    """A run as it should be."""
    FAILURE = "failure"
    """A run in which something goes wrong."""


class Note(Strict):
    """What a lesson says about one place in its run."""

    position: int = Field(ge=0)
    at: StageKind
    text: str


class Lesson(Strict):
    """One entry of the index."""

    key: str = Field(pattern=r"^[a-z][a-z-]{1,30}$")
    group: Group
    title: str
    intro: str
    """What to look for, in a sentence or two."""
    closing: str = ""
    """What the run shows, said at its end."""
    alone: bool = False
    """True where the target's plain run of the same prompt ships too, as `KEY.alone.jsonl`."""
    notes: tuple[Note, ...] = ()


class Index(Strict):
    lessons: tuple[Lesson, ...]


class Lessons:
    """The lessons of a folder. Traces are read when they are asked for."""

    def __init__(self, folder: Path = FOLDER) -> None:
        """
        Raises:
            UserError: the index is missing or wrong.
        """
        self._folder = folder
        path = folder / INDEX
        try:
            index = Index.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
        except OSError as error:
            raise UserError(f"the lessons' index {path} cannot be read: {error.strerror}; install it again") from None
        except (yaml.YAMLError, ValidationError) as error:
            raise UserError(f"the lessons' index {path} is wrong: {error}") from None
        self._lessons = {lesson.key: lesson for lesson in index.lessons}

    def all(self) -> list[Lesson]:
        return list(self._lessons.values())

    def get(self, key: str) -> Lesson:
        """
        Raises:
            TraceError: there is no such lesson.
        """
        try:
            return self._lessons[key]
        except KeyError:
            raise TraceError(f"there is no lesson {key!r}: there are {', '.join(self._lessons)}") from None

    def events(self, key: str) -> list[Event]:
        """The events of a lesson's run.

        Raises:
            TraceError: there is no such lesson, or its trace cannot be read.
        """
        return read_trace(self._folder / f"{self.get(key).key}.jsonl")

    def alone(self, key: str) -> list[Event] | None:
        """The target's plain run of the same prompt; None where none ships.

        Raises:
            TraceError: there is no such lesson, or its trace cannot be read.
        """
        return read_trace(self._folder / f"{key}.alone.jsonl") if self.get(key).alone else None

    def stages(self, key: str) -> list[Stage]:
        """The stages of a lesson's run, with the lesson's notes.

        Raises:
            TraceError: there is no such lesson, or its trace cannot be read.
        """
        lesson = self.get(key)
        notes = {(note.position, note.at): note.text for note in lesson.notes}
        found = [
            replace(stage, note=notes.get((stage.position, stage.kind), "")) if stage.position is not None else stage
            for stage in stages(self.events(key), compared=lesson.alone)
        ]
        return [replace(stage, note=lesson.closing) if stage.kind is StageKind.END else stage for stage in found]
