"""What a run is taken away as: its trace as JSON lines, a trace for Perfetto, or one page that needs no server."""

from lr_demo.errors import UserError
from lr_demo.runs.export_form import ExportForm
from lr_demo.runs.perfetto import perfetto
from lr_demo.runs.race import Race, RunPhase
from lr_demo.ui.offline_page import offline_page

ENDINGS = {
    ExportForm.JSONL: "jsonl",
    ExportForm.PERFETTO: "perfetto.json",
    ExportForm.HTML: "html",
}
"""How the files' names end."""
MEDIA_TYPES = {
    ExportForm.JSONL: "application/x-ndjson",
    ExportForm.PERFETTO: "application/json",
    ExportForm.HTML: "text/html; charset=utf-8",
}


def export_race(race: Race, form: ExportForm) -> str:
    """A race's run in this form; the page has its baseline beside it.

    Raises:
        UserError: the run has not ended.
    """
    going = [handle for handle in race.handles if handle.phase in (RunPhase.QUEUED, RunPhase.RUNNING)]
    if race.run in going or (going and form is ExportForm.HTML):
        raise UserError(f"run {going[0].id} has not ended: it can be saved when it has")
    if form is ExportForm.HTML:
        return offline_page(race)
    events = race.run.log.events()
    return perfetto(events) if form is ExportForm.PERFETTO else "".join(f"{line}\n" for line in race.run.log.lines())
