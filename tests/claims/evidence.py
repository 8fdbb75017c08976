"""What the published claims are judged by here: shapes, peaks, the gate's own texts, locked packages."""

import tempfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from embedding_gate import own_files
from embedding_gate.claims.claims import Claim, judge_claims
from embedding_gate.claims.evidence import Evidence
from embedding_gate.claims.published import read_published
from embedding_gate.data.projector import write_projector
from embedding_gate.roofline import read_devices
from embeddings.catalog import DEFAULT_MODEL
from embeddings.synthetic import config_of

__all__ = ["claims", "evidence"]


def evidence() -> Evidence:
    """Gather it.

    Raises:
        FixtureError: a file of the gate is missing or malformed.

    """
    published = read_published(own_files.FIXTURES / "published.toml")
    models = dict.fromkeys(published.names.values())
    return Evidence(
        published,
        configs={model: config_of(f"synthetic:{model.casefold()}-4bit") for model in models},
        devices=read_devices(own_files.FIXTURES / "devices.toml"),
        texts=own_files.sets().topics.sha256_of_texts,
        sentence_tokens=_sentence_tokens(),
        documents=_documents(*(statement.source for statement in published.statements)),
        measured={("", "projector files"): _projector_files()},
    )


def claims() -> list[Claim]:
    """Judge every published claim: plain data, for a table or a page."""
    return judge_claims(evidence())


def _sentence_tokens() -> float:
    """Return the mean tokens of the gate's sentences, special tokens in, by the embedded model's goldens."""
    texts, golden = own_files.texts(), own_files.golden(DEFAULT_MODEL)
    assert golden is not None
    pairs = zip(texts.kinds, golden.token_ids, strict=True)
    return float(np.mean([len(ids) for kind, ids in pairs if kind == "sentence"]))


def _documents(*sources: str) -> dict[str, str]:
    """Read the sources that are files of an installed package: "package/file"."""
    found = {}
    for source in sources:
        package, _, file = source.partition("/")
        if file and ":" not in package and (spec := find_spec(package)) and spec.origin:
            found[source] = (Path(spec.origin).parent / file).read_text(encoding="utf-8")
    return found


def _projector_files() -> int:
    """Count the files that the projector's writer makes of one vector, of the three that are published."""
    with tempfile.TemporaryDirectory() as folder:
        one = {"labels": ["a"], "categories": ["b"], "texts": ["c"]}
        paths = write_projector(Path(folder), "X", np.ones((1, 2), np.float32), **one)
        return len({path.name for path in paths} & {"vectors_X.tsv", "metadata_X.tsv", "config_X.json"})
