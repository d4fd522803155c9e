"""Routes for what a run is taken away as: `/exports/RUN.jsonl`, `/exports/RUN.perfetto.json`, `/exports/RUN.html`."""

from fastapi import APIRouter, HTTPException, Response

from lr_demo.errors import UserError
from lr_demo.runs.manager import RunManager
from lr_demo.ui.exports import ENDINGS, MEDIA_TYPES, export_race


def export_router(manager: RunManager) -> APIRouter:
    """The routes of the exports. A file is made when it is asked for."""
    router = APIRouter()

    @router.get("/exports/{name}")
    def download(name: str) -> Response:
        """A run that has ended, as a file to save. 404: no such run or form; 409: it has not ended."""
        run_id, _, ending = name.partition(".")
        form = next((form for form, known in ENDINGS.items() if known == ending), None)
        if form is None:
            raise HTTPException(
                404, f"a run cannot be saved as {ending!r}: choose one of {', '.join(ENDINGS.values())}"
            )
        try:
            race = manager.race(run_id)
        except UserError as error:
            raise HTTPException(404, str(error)) from None
        try:
            content = export_race(race, form)
        except UserError as error:
            raise HTTPException(409, str(error)) from None
        saved_as = f"lookahead-{race.id}.{ending}"  # a run id is letters and digits
        headers = {"content-disposition": f'attachment; filename="{saved_as}"', "cache-control": "no-store"}
        return Response(content, media_type=MEDIA_TYPES[form], headers=headers)

    return router
