"""The forms in which a run can be taken away."""

from enum import StrEnum


class ExportForm(StrEnum):
    JSONL = "jsonl"
    """The trace: one event a line."""
    PERFETTO = "perfetto"
    """Trace Event Format, for ui.perfetto.dev and Chrome's tracing."""
    HTML = "html"
    """One page with the race in it; opens anywhere, offline."""
