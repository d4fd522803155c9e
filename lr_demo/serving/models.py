"""What a profile's `model` means: a name of the catalogue, a path, or a repository of the model hub."""

import re
from dataclasses import dataclass
from pathlib import Path

from lr_demo.config import DraftModelSpeculation, EagleSpeculation, LlamaCppServer, VllmServer
from lr_demo.errors import WeightsError
from lr_demo.serving.cache import Cache
from lr_demo.serving.catalogue import CATALOGUE, CatalogueEntry
from lr_demo.serving.conversion import FOR_VLLM, TO_Q4_0, Conversion, converted_model, ensure_converted
from lr_demo.serving.hashing import hash_file, in_thread
from lr_demo.serving.progress import Report
from lr_demo.serving.weights import Weights

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A file or folder of the user's."""

    path: Path


@dataclass(frozen=True, slots=True)
class HubModel:
    """A repository that the engine itself fetches."""

    repository: str


ModelSource = CatalogueEntry | LocalModel | HubModel


def find_model(config: VllmServer | LlamaCppServer) -> ModelSource:
    """Where the model of a server comes from.

    Raises:
        WeightsError: there is no such model, or this engine cannot read it.
    """
    if entry := CATALOGUE.get(config.model):
        if entry.kind != "gguf":
            raise WeightsError(f"{entry.name} is no language model: choose one of {language_model_names()}")
        return entry
    path = Path(config.model).expanduser()
    if path.exists():
        readable = path.is_file() and path.suffix == ".gguf"
        if isinstance(config, VllmServer):
            readable = readable or (path / "config.json").is_file()
        if not readable:
            takes = "a folder with config.json and safetensors, or " if isinstance(config, VllmServer) else ""
            raise WeightsError(f"{config.engine} cannot read the model {config.model}: it takes {takes}a .gguf file")
        return LocalModel(path.resolve())
    if isinstance(config, VllmServer) and _HUB_ID.fullmatch(config.model) and path.suffix != ".gguf":
        return HubModel(config.model)
    raise WeightsError(
        f"there is no model {config.model!r}: give one of {language_model_names()}, or the path of a model that exists"
    )


def proposer_of(config: VllmServer | LlamaCppServer) -> VllmServer | LlamaCppServer | None:
    """What a server would be of the model that proposes its tokens; None where no model does."""
    match config.speculation:
        case DraftModelSpeculation(model=model) | EagleSpeculation(model=model):
            return config.model_copy(update={"model": model, "speculation": None})
    return None


def proposer_file(config: LlamaCppServer) -> Path | None:
    """The file of the model that proposes tokens, of a server that was prepared or planned."""
    return Path(config.speculation.model) if isinstance(config.speculation, DraftModelSpeculation) else None


def language_model_names() -> str:
    """The catalogue's language models, for messages."""
    return ", ".join(name for name, entry in CATALOGUE.items() if entry.kind == "gguf")


async def prepare_model(
    config: VllmServer | LlamaCppServer, source: ModelSource, cache: Cache, weights: Weights, report: Report
) -> str:
    """The path, or hub repository, the engine is started with; converts where it must. The weights are there.

    Raises:
        WeightsError: the model cannot be converted.
    """
    match source:
        case HubModel():
            return source.repository
        case LocalModel():
            file, digest = source.path, None
        case CatalogueEntry():
            pinned = source.files[0]
            file, digest = weights.folder(source) / pinned.path, pinned.sha256
    conversion = _conversion(config)
    if conversion is None or file.is_dir():
        return str(file)
    if digest is None:
        digest = (await in_thread(lambda check: hash_file(file, check))).hexdigest()
    return str(await ensure_converted(cache, file, digest, report, conversion))


async def prepare_proposer(
    config: VllmServer | LlamaCppServer, cache: Cache, weights: Weights, report: Report
) -> VllmServer | LlamaCppServer:
    """The same server, whose speculation names the model as the engine is to be told it. The weights are there.

    Raises:
        WeightsError: there is no such model, or it cannot be converted.
    """
    proposer = proposer_of(config)
    if proposer is None or config.speculation is None:
        return config
    model = await prepare_model(proposer, find_model(proposer), cache, weights, report)
    return config.model_copy(update={"speculation": config.speculation.model_copy(update={"model": model})})


def planned_model(config: VllmServer | LlamaCppServer, source: ModelSource, cache: Cache) -> str:
    """What `prepare_model` will return; nothing is fetched or converted. A local .gguf file stays itself."""
    match source:
        case HubModel():
            return source.repository
        case LocalModel():
            return str(source.path)
        case CatalogueEntry():
            pinned = source.files[0]
            file = Weights(cache, ()).folder(source) / pinned.path
            conversion = _conversion(config)
            return str(file if conversion is None else converted_model(cache, file, pinned.sha256, conversion))


def _conversion(config: VllmServer | LlamaCppServer) -> Conversion | None:
    """What a server's GGUF file is made into; None: it is read as it is."""
    if isinstance(config, VllmServer):
        return FOR_VLLM
    return TO_Q4_0 if config.quantize else None


def planned_proposer(config: VllmServer | LlamaCppServer, cache: Cache) -> VllmServer | LlamaCppServer:
    """What `prepare_proposer` will return; nothing is fetched or converted.

    Raises:
        WeightsError: there is no such model.
    """
    proposer = proposer_of(config)
    if proposer is None or config.speculation is None:
        return config
    model = planned_model(proposer, find_model(proposer), cache)
    return config.model_copy(update={"speculation": config.speculation.model_copy(update={"model": model})})
