"""Opens the model that the judged one was fine-tuned or quantized from, or says which it looks like."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from embedding_gate.adapter import at_hand, catalogued, find, open_baseline
from embedding_gate.data.declared import read_declared, read_json
from embedding_gate.data.declared_changes import architecture, declared_changes
from embedding_gate.data.model_files import DECLARING, files_of_goldens, sha256_of
from embedding_gate.errors import InputError
from embedding_gate.own_files import DECLARED, FIXTURES, Options, texts
from embedding_gate.subjects.live import LONGEST, Subject
from embedding_gate.subjects.origin import Origin
from embedding_gate.subjects.protocols import Encoder
from embedding_gate.tokenizer import OwnTokenizer

__all__ = ["guess", "open_origin", "same_files"]

FILES = ("model*.safetensors", "config.json", "tokenizer.json", *DECLARING)  # texts become vectors by them


def open_origin(subject: Subject, options: Options) -> Origin | None:
    """Open ``options.origin`` as the origin of a subject. If none is named, a note tells a plain guess.

    Raises:
        InputError: it has another tokenizer, so it cannot be the origin.
        GateError: it cannot be opened.

    """
    if options.origin is None:
        if not subject.random and (name := guess(subject.folder, subject.name)):
            subject.notes.append(
                f"  origin: tokenizer and shapes are those of {name}; compare with it by --origin={name}"
            )
        return None
    folder, where = find(options.origin), f"--origin={options.origin}"
    if text := _tokenized_differently(subject.folder, folder):
        what = f"has another tokenizer than {subject.source}: the text {text} gives other tokens"
        raise InputError(where, what, hint="name the model that it was fine-tuned or quantized from")
    model = open_baseline(options.origin, option="--origin")
    assert model is not None
    opened = model.open_encoder

    def open_encoder() -> Encoder:
        encoder = opened()
        return encoder.with_max_tokens(LONGEST) if encoder.max_tokens > LONGEST else encoder

    usual = not subject.claimant and options.recipe == DECLARED and options.precision is None
    return Origin(
        replace(model, open_encoder=open_encoder),
        texts(),
        tuple(declared_changes(folder, subject.folder)),
        same=usual and same_files(folder, subject.folder),
    )


def guess(folder: Path, name: str) -> str | None:
    """Name the model that the one in a folder was made from, where that is plain, or None.

    It is plain if tokenizer.json is the same file, the architecture is the same, and the origin is not
    quantized. Models of the catalog and models with goldens are considered; the network is never used.

    name: of the model itself.
    """
    tokenizer, config = (sha256_of(folder / f"{file}.json") for file in ("tokenizer", "config"))
    for other, files in {**catalogued(), **files_of_goldens(FIXTURES / "golden")}.items():
        if other == name or files.get("tokenizer.json") != tokenizer:
            continue
        of = folder if files.get("config.json") == config else at_hand(other)
        if of is None or read_json(of / "config.json").get("quantization"):
            continue
        if architecture(of) == architecture(folder):
            return other
    return None


def same_files(one: Path, other: Path) -> bool:
    """Tell whether two folders hold the same model: each file that says how texts become vectors is equal."""
    found = [{path.relative_to(folder): path for path in _files(folder)} for folder in (one, other)]
    if found[0].keys() != found[1].keys():
        return False
    pairs = [(found[0][name], found[1][name]) for name in found[0]]
    if any(path.stat().st_size != its.stat().st_size for path, its in pairs):
        return False  # before any large file is read
    return all(sha256_of(path) == sha256_of(its) for path, its in pairs)


def _files(folder: Path) -> Iterator[Path]:
    return (path for pattern in FILES for path in folder.glob(pattern))


def _tokenized_differently(one: Path, other: Path) -> str | None:
    """Name the first of the gate's texts that gives other tokens in another folder; None if there is none."""
    if sha256_of(one / "tokenizer.json") == sha256_of(other / "tokenizer.json"):
        return None
    declared = [read_declared(folder) for folder in (one, other)]
    limit = min(of.max_tokens for of in declared)
    found = (
        OwnTokenizer(folder, replace(of, max_tokens=limit, end_token=None)).tokenize(texts().texts).ids
        for folder, of in zip((one, other), declared, strict=True)
    )
    rows = zip(texts().ids, *found, strict=True)
    return next((name for name, ids, its in rows if not np.array_equal(ids, its)), None)
