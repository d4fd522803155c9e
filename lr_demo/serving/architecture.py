"""What a model's `config.json` says that matters for memory: its shape, its weights and its KV cache in bytes."""

from dataclasses import dataclass

from pydantic import BaseModel, Field, ValidationError

from lr_demo.serving.errors import UnknownArchitecture

_DENSE = frozenset({"llama", "mistral", "qwen2", "qwen3"})
"""Model types whose parameters follow from their shape as counted here: attention and a gated MLP in every layer."""


@dataclass(frozen=True, slots=True)
class Architecture:
    """The shape of a dense decoder."""

    layers: int
    heads: int
    """Of attention (queries)."""
    kv_heads: int
    head_size: int
    """Numbers of one head."""
    hidden: int
    intermediate: int
    """Width of the MLP."""
    vocabulary: int
    tied: bool
    """The output layer is the embedding again."""
    context: int | None
    """Most tokens the model was made for; None: its position encoding is scaled, vLLM derives it."""
    extras: int = 0
    """Parameters of a layer beside its matrices that are not spread over GPUs: norms."""
    biased: bool = False
    """Queries, keys and values have a bias."""
    bits: float | None = None
    """Bits of a number in the layers' matrices where they are quantized."""

    @property
    def parameters(self) -> int:
        """All of them."""
        once = self._embedding() * (1 if self.tied else 2)
        return self.layers * (self._matrices(1) + self.extras) + once + self.hidden

    def weight_bytes(self, element: int, tensor: int = 1, pipeline: int = 1) -> int:
        """Bytes on the fullest GPU of a tensor and pipeline parallel group; `element` bytes a number."""
        layers = -(-self.layers // pipeline)
        matrix = element if self.bits is None else self.bits / 8
        ends = self.ends_bytes(element, tensor, pipeline)
        return int(layers * (self._matrices(tensor) * matrix + self.extras * element)) + ends

    def ends_bytes(self, element: int, tensor: int = 1, pipeline: int = 1) -> int:
        """Bytes of embedding and output layer among them."""
        return int(self._embedding() / tensor * (1 if self.tied or pipeline > 1 else 2)) * element

    def cache_bytes(self, element: int, tensor: int = 1, pipeline: int = 1) -> int:
        """Bytes of one token in the KV cache of the fullest GPU."""
        return -(-self.layers // pipeline) * 2 * self._kv_heads(tensor) * self.head_size * element

    def activation_bytes(self, tokens: int, element: int, tensor: int = 1) -> int:
        """Bytes that working on so many tokens at once takes at its peak: residual, attention and MLP of one layer."""
        attention = (self.heads // tensor + 2 * self._kv_heads(tensor)) * self.head_size
        return tokens * element * (3 * self.hidden + attention + 3 * self.intermediate // tensor)

    def indivisible(self, tensor: int) -> str | None:
        """Why vLLM cannot spread the model over so many GPUs, in words; None: it can.

        Every GPU gets the same number of attention heads. With fewer KV heads than GPUs each is kept
        by several, which must come out even, too.
        """
        if self.heads % tensor:
            return f"does not divide its {self.heads} attention heads"
        if max(self.kv_heads, tensor) % min(self.kv_heads, tensor):
            return f"and its {self.kv_heads} KV heads do not divide by each other"
        if self.intermediate % tensor:
            return f"does not divide its MLP's width of {self.intermediate}"
        return None

    def _kv_heads(self, tensor: int) -> int:
        """KV heads on a GPU."""
        return max(1, self.kv_heads // tensor)

    def _embedding(self) -> int:
        return self.vocabulary * self.hidden

    def _matrices(self, tensor: int) -> int:
        """Parameters of a layer's matrices and biases on a GPU."""
        queries, keys = self.heads // tensor * self.head_size, self._kv_heads(tensor) * self.head_size
        biases = queries + 2 * keys if self.biased else 0
        return self.hidden * (2 * queries + 2 * keys) + 3 * self.hidden * self.intermediate // tensor + biases


class _Quantization(BaseModel):
    quant_method: str = ""
    bits: int | None = None


class _Rope(BaseModel):
    rope_type: str = "default"


class _Config(BaseModel):
    """The fields of a `config.json` that count here."""

    model_type: str
    num_hidden_layers: int = Field(ge=1)
    num_attention_heads: int = Field(ge=1)
    num_key_value_heads: int | None = Field(default=None, ge=1)
    head_dim: int | None = Field(default=None, ge=1)
    hidden_size: int = Field(ge=1)
    intermediate_size: int = Field(ge=1)
    vocab_size: int = Field(ge=1)
    tie_word_embeddings: bool = False
    max_position_embeddings: int = Field(ge=1)
    rope_parameters: _Rope | None = None
    rope_scaling: _Rope | None = None
    quantization_config: _Quantization | None = None


def read_architecture(text: str | bytes) -> Architecture:
    """The architecture a `config.json` describes.

    Raises:
        UnknownArchitecture: it is not JSON, lacks a field, or is of a kind whose memory is not known here.
    """
    try:
        config = _Config.model_validate_json(text)
    except ValidationError as error:
        problem = error.errors()[0]
        field = ".".join(map(str, problem["loc"])) or "the file"
        raise UnknownArchitecture(f"its config.json cannot be used ({field}: {problem['msg']})") from None
    if config.model_type not in _DENSE:
        raise UnknownArchitecture(f"models of the type {config.model_type} are not counted here")
    scaled = any(rope and rope.rope_type != "default" for rope in (config.rope_parameters, config.rope_scaling))
    head_size = config.head_dim or config.hidden_size // config.num_attention_heads
    return Architecture(
        layers=config.num_hidden_layers,
        heads=config.num_attention_heads,
        kv_heads=config.num_key_value_heads or config.num_attention_heads,
        head_size=head_size,
        hidden=config.hidden_size,
        intermediate=config.intermediate_size,
        vocabulary=config.vocab_size,
        tied=config.tie_word_embeddings,
        context=None if scaled else config.max_position_embeddings,
        extras=2 * config.hidden_size + (2 * head_size if config.model_type == "qwen3" else 0),
        biased=config.model_type == "qwen2",
        bits=_bits(config.quantization_config),
    )


def _bits(quantization: _Quantization | None) -> float | None:
    if quantization is None:
        return None
    if quantization.bits is not None:
        return quantization.bits
    if quantization.quant_method == "fp8":
        return 8
    raise UnknownArchitecture(f"its quantization ({quantization.quant_method or 'unnamed'}) is not counted here")
