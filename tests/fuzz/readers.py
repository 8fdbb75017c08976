"""The readers of the project, each with right files to begin with."""

import json
import shutil
from collections.abc import Callable
from contextlib import closing, redirect_stderr, redirect_stdout
from functools import cache, partial
from io import StringIO
from pathlib import Path
from typing import Any

import httpx2
import numpy as np

import embeddings
from embedding_gate import own_files
from embedding_gate.claims.published import read_published
from embedding_gate.data.checkpoint import float_type, read_checkpoint
from embedding_gate.data.declared import read_declared
from embedding_gate.data.encoded.manifest import MANIFEST, read_manifest
from embedding_gate.data.encoded.shards import name_of, read_shard
from embedding_gate.data.goldens import read_golden, read_texts
from embedding_gate.data.projector import write_projector
from embedding_gate.endpoint import open_client
from embedding_gate.reindex.snapshot import read_snapshot, write_snapshot
from embedding_gate.report.history import read_history
from embedding_gate.report.record import as_json, read_record
from embedding_gate.roofline import read_devices
from embedding_gate.subjects.recorded import read_recorded
from embedding_gate.verdicts.diagnosis import read_signatures
from embedding_gate.verdicts.threshold_file import Fixtures, read_own_thresholds, read_thresholds
from embeddings.cache.sqlite_store import SQLiteStore
from tests.fuzz.reader import Reader, reader_of, scratch
from tests.fuzz.texts import readers_of_texts
from tests.support import tiny
from tests.support.cache_writer import batch
from tests.support.corpora import encode, write_corpus
from tests.support.records import a_record
from tests.support.snapshots import old

__all__ = ["readers"]

FIXTURES = own_files.FIXTURES


@cache
def readers() -> dict[str, Reader]:
    """Return all readers by name."""
    root = scratch()
    made = [
        *readers_of_texts(root),
        *_of_the_gate(root),
        *_of_models(root),
        *_of_vectors(root),
        *_of_servers(),
    ]
    return {reader.name: reader for reader in made}


def _of_the_gate(root: Path) -> list[Reader]:
    def file(name: str) -> list[bytes]:
        return [(FIXTURES / name).read_bytes()]

    keys = (
        'check = "pairs"',
        'model = "m"',
        "at_least = 0.5",
        "measured = 0.6",
        'source = "s"',
        'fixture = "0"',
    )
    own = "\n".join(["[[threshold]]", *keys, ""]).encode()
    gates = partial(read_thresholds, model="m", fixtures=Fixtures(set(), set()))
    record = as_json(a_record()).encode()
    run = json.dumps(
        {
            "when": "2026",
            "revision": "0",
            "command": "c",
            "device": "cpu",
            "machine": "m",
            "verdict": "pass",
            "models": [],
            "speed": [],
        }
    )
    return [
        reader_of(root, "thresholds", file("thresholds.toml"), "a.toml", gates),
        reader_of(root, "own thresholds", [own], "a.toml", read_own_thresholds),
        reader_of(root, "published", file("published.toml"), "a.toml", read_published),
        reader_of(root, "devices", file("devices.toml"), "a.toml", read_devices),
        reader_of(root, "signatures", [file("signatures.json")[0][:6000]], "a.json", read_signatures),
        reader_of(root, "texts", [file("texts.jsonl")[0][:3000]], "a.jsonl", read_texts),
        reader_of(root, "record", [record], "report.json", read_record),
        reader_of(root, "history", [run.encode() + b"\n"], "a.jsonl", read_history),
    ]


def _of_models(root: Path) -> list[Reader]:
    """Each file of a model's folder. Other files are right."""
    folder = tiny.build(root / "model")
    (folder / "config_sentence_transformers.json").write_text('{"prompts": {"query": "query: "}}')
    names = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file()]

    def read(file: str, content: bytes) -> object:
        right = (folder / file).read_bytes()
        (folder / file).write_bytes(content)
        try:
            read_declared(folder)
            return embeddings.load(folder).encode(["a text"])
        finally:
            (folder / file).write_bytes(right)

    def checkpoint(path: Path) -> object:
        return read_checkpoint(path.parent), float_type(path.parent)

    right = (folder / "model.safetensors").read_bytes()
    decoder = shutil.copytree(FIXTURES / "tiny-qwen3", root / "decoder")

    def read_decoder(content: bytes) -> object:
        (decoder / "config.json").write_bytes(content)
        return embeddings.load(decoder).encode(["a text"])

    return [
        Reader("decoder config.json", ((decoder / "config.json").read_bytes(),), read_decoder),
        *(Reader(f"model {name}", ((folder / name).read_bytes(),), partial(read, name)) for name in names),
        reader_of(root, "checkpoint", [right], "model.safetensors", checkpoint),
    ]


def _of_vectors(root: Path) -> list[Reader]:
    corpus, out = write_corpus(root / "corpus.jsonl", 8), root / "encoded"
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        assert encode(corpus, out, root / "model") == 0
    topics = own_files.sets().topics
    vectors = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    words = {"labels": topics.labels[:4], "categories": topics.categories[:4], "texts": topics.texts[:4]}
    write_projector(root / "recorded", "m", vectors, **words)
    with closing(SQLiteStore(root / "cache-file")) as file:
        file.put(batch(0))
    golden = root / "golden"
    shutil.copytree(FIXTURES / "golden", golden)
    name = next(path.stem for path in sorted(golden.glob("*.json")))

    def place(folder: Path, file: str, read: Callable[[], object]) -> Reader:
        right = (folder / file).read_bytes()

        def read_content(content: bytes) -> object:
            (folder / file).write_bytes(content)
            try:
                return read()
            finally:
                (folder / file).write_bytes(right)

        return Reader(f"{folder.name} {file}", (right,), read_content)

    def shard() -> object:
        return read_shard(out, read_manifest(out), 0)

    def recorded() -> object:
        return read_recorded(root / "recorded", "m")

    def cache_file(path: Path) -> object:
        with closing(SQLiteStore(path, create=False)) as file:
            return file.get(list(batch(0))), file.size()

    write_snapshot(root / "snapshot-file", old())
    return [
        reader_of(root, "snapshot", [(root / "snapshot-file").read_bytes()], "snapshot", read_snapshot),
        place(out, MANIFEST, shard),
        place(out, name_of(0), shard),
        place(root / "recorded", "vectors_m.tsv", recorded),
        place(root / "recorded", "metadata_m.tsv", recorded),
        place(golden, f"{name}.json", lambda: read_golden(golden, name, own_files.texts())),
        place(golden, f"{name}.safetensors", lambda: read_golden(golden, name, own_files.texts())),
        reader_of(root, "cache", [(root / "cache-file").read_bytes()], "cache", cache_file),
    ]


def _of_servers() -> list[Reader]:
    """The answers of a server, in three forms of API."""
    rows = [[0.6, 0.8], [1, 0]]
    right: dict[str, Any] = {
        "http://h/v1/embeddings": {
            "data": [{"index": row, "embedding": vector} for row, vector in enumerate(rows)],
            "usage": {"prompt_tokens": 3},
        },
        "ollama:h": {"embeddings": rows, "prompt_eval_count": 3},
        "tei:h": rows,
    }

    def read(spec: str, content: bytes) -> object:
        client = open_client(spec, "m")
        answer = httpx2.MockTransport(lambda _: httpx2.Response(200, content=content))
        client._http = httpx2.Client(transport=answer)
        return client.encode(["a", "b"])

    return [
        Reader(f"reply {spec.partition(':')[0]}", (json.dumps(content).encode(),), partial(read, spec))
        for spec, content in right.items()
    ]
