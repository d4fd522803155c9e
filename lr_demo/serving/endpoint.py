"""Where a running model server is reached; what the clients in `models` are built from."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An OpenAI-compatible server that answers."""

    base_url: str
    """Up to and including `/v1`."""
    dialect: Literal["vllm", "llama.cpp"]
    model: str
    """The name the server knows the model by."""
    name: str
    """The model's name, for people."""
    vocabulary: str
    """Label of the tokenizer."""
    family: str
    api_key: str = "none"
    replicas: tuple[str, ...] = ()
    """Addresses of further servers of the same model."""
    proposals: Path | None = None
    """Where the server takes drafted steps as token proposals; None: it takes none."""

    def each(self) -> "tuple[Endpoint, ...]":
        """Every address as an endpoint of its own."""
        return tuple(replace(self, base_url=address, replicas=()) for address in (self.base_url, *self.replicas))
