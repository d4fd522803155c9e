"""Where a model's `config.json` is found: beside it, made by the converter, in the hub's cache, shipped, on the hub."""

import json
from pathlib import Path

import httpx
from huggingface_hub import constants, hf_hub_url, try_to_load_from_cache
from huggingface_hub.utils._headers import build_hf_headers

from lr_demo.config import PROFILES_FOLDER
from lr_demo.serving.architecture import Architecture, read_architecture
from lr_demo.serving.cache import Cache
from lr_demo.serving.catalogue import CatalogueEntry
from lr_demo.serving.conversion import converted_model
from lr_demo.serving.errors import UnknownArchitecture
from lr_demo.serving.hub import CONNECT_S
from lr_demo.serving.models import HubModel, LocalModel, ModelSource

SHIPPED = PROFILES_FOLDER / "models"
"""What the models of the shipped profiles say in their `config.json`, as far as it matters here."""
_READ_S = 5.0
"""Longest wait for the hub's answer, seconds."""
_FILE = "config.json"


class Architectures:
    """Finds what models look like; asks a hub that does not answer only once."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._silent: str | None = None
        """Why the hub is not asked again."""

    def __call__(self, source: ModelSource) -> Architecture:
        """The architecture of a model.

        Raises:
            UnknownArchitecture: there is no `config.json` to be had, or it cannot be used; says why.
        """
        match source:
            case LocalModel():
                return read_architecture(self._local(source.path))
            case CatalogueEntry():
                return read_architecture(self._of_catalogue(source))
            case HubModel():
                return read_architecture(self._of_hub(source.repository))

    def _local(self, path: Path) -> bytes:
        if path.is_file():
            raise UnknownArchitecture(f"{path.name} has no {_FILE} beside it that belongs to it")
        return (path / _FILE).read_bytes()

    def _of_catalogue(self, entry: CatalogueEntry) -> bytes:
        """vLLM's own where it was converted, which may keep its output layer apart; else the original's."""
        file = entry.files[0]
        converted = converted_model(self._cache, Path(file.path), file.sha256)
        places = (converted / _FILE, SHIPPED / f"{entry.title}.json")
        for place in places:
            if place.is_file():
                return place.read_bytes()
        raise UnknownArchitecture(f"there is no {places[-1].name} in {SHIPPED}")

    def _of_hub(self, repository: str) -> bytes:
        cached = try_to_load_from_cache(repository, _FILE)
        if isinstance(cached, str):
            return Path(cached).read_bytes()
        shipped = SHIPPED / f"{repository.rpartition('/')[2]}.json"
        if shipped.is_file() and json.loads(shipped.read_bytes()).get("_name_or_path") == repository:
            return shipped.read_bytes()
        if constants.is_offline_mode():
            raise UnknownArchitecture(f"its {_FILE} is not in the hub's cache, and the hub is switched off")
        return self._download(repository)

    def _download(self, repository: str) -> bytes:
        if self._silent is not None:
            raise UnknownArchitecture(self._silent)
        try:
            answer = httpx.get(
                hf_hub_url(repository, _FILE),
                headers=build_hf_headers(library_name="lookahead-live"),
                follow_redirects=True,
                timeout=httpx.Timeout(_READ_S, connect=CONNECT_S),
            )
        except httpx.HTTPError as error:
            self._silent = f"the model hub cannot be reached ({str(error) or type(error).__name__})"
            raise UnknownArchitecture(self._silent) from None
        if answer.status_code != httpx.codes.OK:
            raise UnknownArchitecture(f"the model hub answers HTTP {answer.status_code} for its {_FILE}")
        return answer.content
