"""Opens what encodes a corpus: the library, or another subject."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

import embeddings
from embedding_gate.adapter import find, name_of, precision_of, source_of
from embedding_gate.clients import connect
from embedding_gate.data.declared import read_declared
from embedding_gate.described import identity_of
from embedding_gate.errors import InputError, SubjectMalformed
from embedding_gate.own_files import Options
from embedding_gate.reindex.identity import Identity
from embedding_gate.subjects.black_box import BlackBox
from embedding_gate.subjects.protocols import Tokenized
from embedding_gate.tokenizer import OwnTokenizer

__all__ = ["Asked", "Model", "open_model"]

CHUNK = 512  # texts of one call of another subject, which has a time limit
OPENED = ("recipe", "precision", "device", "python")  # options that identity tells of


@dataclass(frozen=True)
class Asked:
    """What a run encodes with. prompt_name, truncate_dim, batch_tokens: options of ``encode``."""

    model: str
    options: Options
    prompt_name: str | None = None
    truncate_dim: int | None = None
    batch_tokens: int | None = None


class _Counter(Protocol):
    def tokenize(self, texts: Sequence[str], *, prompt_name: str | None = None) -> Tokenized: ...


@dataclass(frozen=True)
class Model:
    """What turns texts into vectors.

    name, precision: they choose the thresholds that bind it. opened, identity, options: see Manifest.
    dimension: D. call: options of each call. chunk: texts of one call.
    """

    name: str
    precision: str
    opened: dict[str, str | None]
    identity: dict[str, Any]
    options: dict[str, str | int | None]
    dimension: int
    _encode: Callable[..., NDArray[np.float32]]
    _counter: _Counter
    _call: dict[str, Any]
    _chunk: int | None = None

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return vectors (N, D).

        Raises:
            SubjectMalformed: a component is not finite.

        """
        step = self._chunk or max(1, len(texts))
        parts = [
            self._encode(texts[start : start + step], **self._call) for start in range(0, len(texts), step)
        ]
        vectors = np.concatenate(parts) if len(parts) > 1 else parts[0]
        if not np.isfinite(vectors).all():
            row = int(np.flatnonzero(~np.isfinite(vectors).all(axis=1))[0])
            what = f"gave NaN or infinity for the text {texts[row][:40]!r}"
            raise SubjectMalformed(self.name, what, hint="judge it with the gate first")
        return vectors

    def count_tokens(self, texts: Sequence[str]) -> tuple[int, int]:
        """Return the tokens that the model reads of all texts, and how many texts it truncates."""
        found = self._counter.tokenize(texts, prompt_name=self._call.get("prompt_name"))
        return sum(map(len, found.ids)), int(np.count_nonzero(found.dropped))


@contextmanager
def open_model(asked: Asked) -> Iterator[Model]:
    """Open what encodes, for the time of a block. Truncated texts are counted, so nothing warns of them.

    Raises:
        GateError, EmbeddingsError: it cannot be opened, or an option is not acceptable.

    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", embeddings.TruncationWarning)
        model, close = _outside(asked) if asked.options.subject else _library(asked)
        try:
            yield model
        finally:
            close()


def _library(asked: Asked) -> tuple[Model, Callable[[], object]]:
    options = asked.options
    embeddings.use_device(options.device)
    encoder = embeddings.load(asked.model, recipe=options.recipe, precision=options.precision)
    given: dict[str, Any] = {"prompt_name": asked.prompt_name, "truncate_dim": asked.truncate_dim}
    width = encoder.encode(["a text"], **given).shape[1]
    precision = precision_of(asked.model, options)
    identity = Identity(dimensions=encoder.dimension, **identity_of(encoder, precision)).as_data()
    told = (_opened(asked), identity, _options(asked), width)
    call = {**given, "batch_tokens": asked.batch_tokens}
    model = Model(name_of(asked.model), precision, *told, encoder.encode, encoder, call)
    return model, lambda: None


def _outside(asked: Asked) -> tuple[Model, Callable[[], object]]:
    if asked.batch_tokens is not None:
        what = "is for the gate's own library"
        raise InputError("--batch-tokens", what, hint="leave it out beside --subject")
    options, folder = asked.options, find(asked.model)
    declared, name = read_declared(folder), name_of(asked.model)
    if asked.prompt_name is not None and asked.prompt_name not in declared.prompts:
        known = ", ".join(declared.prompts) or "none"
        raise InputError(
            f"--prompt-name={asked.prompt_name}", f"the model has {known}", hint="take one of these"
        )
    client = connect(options, name, folder)
    call = {"prompt_name": asked.prompt_name, "truncate_dim": asked.truncate_dim}
    try:
        box = BlackBox(client, declared.prompts, declared.min_dimensions)
        if asked.truncate_dim is not None and "truncate_dim" not in client.offers:
            raise InputError("--truncate-dim", f"{client.name} does not offer it", hint="leave it out")
        identity = Identity(dimensions=box.dimension, prompts=dict(box.written)).as_data()
        told = (_opened(asked), identity, _options(asked))
        width, counter = asked.truncate_dim or box.dimension, OwnTokenizer(folder, declared)
        precision = options.precision or "float32"
        made = Model(name, precision, *told, width, box.encode, counter, call, CHUNK)
    except BaseException:
        client.close()
        raise
    return made, client.close


def _opened(asked: Asked) -> dict[str, str | None]:
    return {"model": source_of(asked.model), **{name: getattr(asked.options, name) for name in OPENED}}


def _options(asked: Asked) -> dict[str, str | int | None]:
    names = ("prompt_name", "truncate_dim", "batch_tokens")
    of_subject = {name: getattr(asked.options, name) for name in ("subject", "served_as")}
    return {**of_subject, **{name: getattr(asked, name) for name in names}}
