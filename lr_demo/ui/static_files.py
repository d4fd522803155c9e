"""Our scripts, styles and Plotly.js, served by our own routes: nothing comes from outside the machine."""

import hashlib
from functools import cache
from pathlib import Path

from fastapi import APIRouter, HTTPException, Request, Response
from plotly.offline import get_plotlyjs

from lr_demo.ui.bundle import one_module

FOLDER = Path(__file__).resolve().parent / "static"
PREFIX = "live-static"
_FOREVER = "public, max-age=31536000, immutable"
_PAGES = "js/main.js"
"""What the pages load; it is served with all that it imports."""
_TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}


@cache
def _files() -> dict[str, bytes]:
    """Path below the folder to content; read once, so that a page is of one version."""
    files = {
        path.relative_to(FOLDER).as_posix(): path.read_bytes()
        for path in sorted(FOLDER.rglob("*"))
        if path.suffix in _TYPES
    }
    return files | {_PAGES: one_module(_PAGES, lambda name: files[name].decode()).encode()}


@cache
def version() -> str:
    """Changes with any of our files; it is part of their addresses, so browsers may keep them forever."""
    digest = hashlib.blake2b(digest_size=8)
    for name, content in _files().items():
        digest.update(name.encode() + b"\0" + content + b"\0")
    return digest.hexdigest()


@cache
def _plotly() -> tuple[bytes, str]:
    script: bytes = get_plotlyjs().encode()
    return script, f'"{hashlib.blake2b(script, digest_size=8).hexdigest()}"'


def text_of(name: str) -> str:
    """The text of a file of ours, by its path below the folder. Raises KeyError where there is none."""
    return _files()[name].decode()


def texts_below(folder: str) -> dict[str, str]:
    """The texts of all files whose paths begin like this, by path."""
    return {name: text_of(name) for name in _files() if name.startswith(folder)}


def address(name: str) -> str:
    """Where a file of ours is found, relative to the application's root."""
    return f"{PREFIX}/{version()}/{name}"


def static_router() -> APIRouter:
    """Routes for the files; a version that is not ours any more gives the present file, uncached."""
    router = APIRouter()

    @router.get(f"/{PREFIX}/plotly.js", include_in_schema=False)
    def plotly(request: Request) -> Response:
        script, tag = _plotly()
        headers = {"etag": tag, "cache-control": "public, max-age=86400"}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(script, media_type=_TYPES[".js"], headers=headers)

    @router.get(f"/{PREFIX}/{{of_version}}/{{name:path}}", include_in_schema=False)
    def file(of_version: str, name: str) -> Response:
        content = _files().get(name)
        if content is None:
            raise HTTPException(404, f"there is no file {name!r} here")
        caching = _FOREVER if of_version == version() else "no-store"
        return Response(content, media_type=_TYPES[Path(name).suffix], headers={"cache-control": caching})

    return router
