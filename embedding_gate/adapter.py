"""The library that is judged, as the gate sees it. Only this module and the worker touch the library."""

import gc
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import embeddings
from embedding_gate.data.checkpoint import float_type
from embedding_gate.data.declared import read_declared, similarity_note
from embedding_gate.data.model_files import goldens_that_hold, identify, notes_on_goldens
from embedding_gate.data.rows import dialect_notes
from embedding_gate.errors import FixtureError, GateError
from embedding_gate.metrics.differences import differences
from embedding_gate.own_files import FIXTURES, OWN, ROOT, Options, golden, hashes, sets, texts, thresholds_of
from embedding_gate.roofline import ENCODERS
from embedding_gate.serving import unpack
from embedding_gate.small_model import small
from embedding_gate.subjects.embedded import Baseline
from embedding_gate.subjects.live import LONGEST, Subject
from embedding_gate.subjects.protocols import Encoder
from embedding_gate.subjects.recorder import note_batch
from embedding_gate.tokenizer import OwnTokenizer
from embedding_gate.workers import Worker
from embeddings import embedder
from embeddings.backend import mx
from embeddings.catalog import CATALOG
from embeddings.embedder import Embedder
from embeddings.folder import find_folder
from embeddings.hub import missing
from embeddings.synthetic import PREFIX

ERRORS = (GateError, embeddings.EmbeddingsError)  # what ends a run in one line


def name_of(model: str) -> str:
    """Name a model by what the user named and by its files, never by what the library says."""
    if model in CATALOG or is_synthetic(model):
        return model
    folder = find_folder(model).path
    name = identify(folder, FIXTURES / "golden")
    if name == folder.resolve().name and not Path(model).expanduser().is_dir():
        return model.partition("@")[0].rpartition("/")[2]  # of the hub, where a folder has a commit's name
    return name


def find(model: str) -> Path:
    """Return the folder of a model's files."""
    return find_folder(model).path


def source_of(model: str) -> str:
    """Return where a model comes from, so that a process in another folder finds it."""
    here = model not in CATALOG and Path(model).expanduser().is_dir()
    return str(Path(model).expanduser().resolve()) if here else model


def is_synthetic(model: str) -> bool:
    """Tell whether a name asks for random weights in the shapes of a real model."""
    return model.startswith(PREFIX)


def catalogued() -> dict[str, Mapping[str, str]]:
    """Return the files of the models that the library knows by name: model -> file -> SHA-256."""
    return {name: entry.sha256 for name, entry in CATALOG.items()}


def at_hand(model: str) -> Path | None:
    """Return the folder of a model of the catalog if this machine has it. The network is never used."""
    entry = CATALOG.get(model)
    try:
        if entry is None or (entry.repository and missing(entry.repository, entry.revision)):
            return None
        return find(model)
    except embeddings.EmbeddingsError:
        return None


def open_baseline(model: str | None, *, option: str = "--baseline") -> Baseline | None:
    """Open the baseline: the model that others must not be worse than. option: what named it.

    The library may itself be broken. So the baseline is first compared with its goldens.
    """
    if model is None:
        return None
    name, source = name_of(model), source_of(model)
    known = golden(name)
    if known is None or model not in CATALOG:
        known = goldens_that_hold(known, find(model))  # a missing model is reported now

    def open_encoder() -> Encoder:
        encoder = embeddings.load(model)
        if known is not None:
            rows = [row for row, kind in enumerate(texts().kinds) if kind in ("word", "sentence")]
            found = encoder.encode([texts().texts[row] for row in rows])
            stray = differences(list(found), list(known.vectors[rows])).max()
            threshold = thresholds_of(name, hashes(sets()), OWN, precision_of(model))["parity"]
            if threshold.judge(stray).red:
                raise FixtureError(
                    f"{option} {model}",
                    f"differs from its goldens by {stray:.2g} (limit {threshold.at_most:g})",
                    hint=f"fix the library first: run pytest -m quality --model={model}",
                )
        return encoder

    return Baseline(name, source, known, open_encoder)


def open_subject(
    model: str, options: Options = OWN, *, variant: tuple[str, str, int] | None = None
) -> Subject:
    """Load a model for judgement. variant: fault and seed to inject into the worker process as well."""
    labelled = sets(options)
    encoder = whole = embeddings.load(model, recipe=options.recipe, precision=options.precision)
    notes = [note] if (note := similarity_note(encoder.path)) else []
    if encoder.max_tokens > LONGEST:
        notes.append(f"  judged on texts of at most {LONGEST} tokens; the model reads {encoder.max_tokens:,}")
        encoder = encoder.with_max_tokens(LONGEST)
    name, source = name_of(model), source_of(model)
    known = golden(name)
    random = is_synthetic(model) or (known is not None and known.random)
    if known is not None and known.recipe != options.recipe:
        known = None
    asked = {
        "model": source,
        "variant": variant,
        "recipe": options.recipe,
        "max_tokens": encoder.max_tokens,
        "device": options.device,
        "precision": options.precision,
    }
    baseline = open_baseline(options.baseline)
    return Subject(
        name=name,
        source=source,
        encoder=encoder,
        texts=texts(),
        golden=known,
        sets=labelled,
        baseline=baseline,
        refusal=embeddings.InputError,
        folder=encoder.path,
        limit=whole.max_tokens,
        max_tokens=encoder.max_tokens,
        whole=whole,
        encode_elsewhere=lambda some: encode_elsewhere({**asked, "texts": some}),
        open_cache=embeddings.VectorCache,
        open_changed=lambda: changed(encoder),
        open_tokenizer=lambda: own_tokenizer(encoder.path, encoder.max_tokens),
        open_small=lambda: small(encoder),
        peak_memory=peak_memory,
        truncation=embeddings.TruncationWarning,
        recipe=options.recipe,
        precision=precision_of(model, options),
        random=random,
        notes=[*notes, *notes_on_goldens(known, encoder.path), *notes_of(baseline, options)],
    )


def own_tokenizer(folder: Path, limit: int) -> OwnTokenizer:
    """Return the judge's own tokenizer of a folder, with at most this limit of tokens."""
    declared = read_declared(folder)
    return OwnTokenizer(folder, replace(declared, max_tokens=min(declared.max_tokens, limit)))


def notes_of(baseline: Baseline | None, options: Options) -> list[str]:
    """Return lines about the baseline, and about the user's own texts."""
    labelled, gates = sets(options), sets()
    own = [
        f"  {name}: SHA-256 {of.sha256}"
        for name, of, usual in (
            ("topics", labelled.topics, gates.topics),
            ("pairs", labelled.pairs, gates.pairs),
            ("retrieval", labelled.retrieval, gates.retrieval),
        )
        if of.sha256 != usual.sha256
    ]
    qrels = options.retrieval / "qrels" / "test.tsv"
    left_out = [f"  retrieval: {note}" for note in labelled.retrieval.notes]
    read_as = dialect_notes(options.topics, options.pairs, qrels)
    return [*([baseline.note] if baseline else []), *own, *read_as, *left_out]


def new_process() -> Worker:
    """Return a process that encodes: it draws its own hash seed and has seen nothing before."""
    paths = filter(None, (str(ROOT), *sys.path))
    environment = {"PYTHONPATH": os.pathsep.join(paths)}
    return Worker("the new process", "embedding_gate.encode_worker", environment=environment)


def encode_elsewhere(asked: dict[str, Any]) -> NDArray[np.float32]:
    """Encode in a new process, which has its own hash seed and no state of earlier calls."""
    with new_process() as process:
        vectors: NDArray[np.float32] = unpack(process.ask(asked))
        return vectors


def peak_memory(call: Callable[[], object]) -> int:
    """Return the peak of the device's memory in a call, in bytes, minus the memory before the call."""
    gc.collect()  # what is freed in the middle of the call would hide as much that the call keeps
    mx.clear_cache()
    held = mx.get_active_memory()
    mx.reset_peak_memory()
    call()
    return mx.get_peak_memory() - held


def watch_batches() -> None:
    """Note the lengths of each batch's texts, for the rest of the process."""
    right = embedder.run_batches  # type: ignore[attr-defined]

    def run_batches(model: Any, tokens: Any, *arguments: Any, **options: Any) -> Iterator[Any]:
        for rows, output in right(model, tokens, *arguments, **options):
            note_batch(tokens.lengths[rows])
            yield rows, output

    embedder.run_batches = run_batches  # type: ignore[attr-defined]


def changed(encoder: Embedder) -> Embedder:
    """Return the same model with one weight doubled: the scale of its first norm. It shares all others.

    On CUDA a decoder joins some of its weights. These are copies then.
    """
    weights = dict(encoder.model.weights)
    name = next(name for name, weight in weights.items() if weight.ndim == 1 and name.endswith(".weight"))
    weights[name] = 2 * weights[name]
    mx.eval(weights[name])
    model = encoder.model.with_weights(weights)
    return Embedder(encoder.folder, model, encoder.tokenizer, encoder.recipe, encoder.after)


def precision_of(model: str, options: Options = OWN) -> str:
    """Name the precision of a model: the one that was asked for, or the default of embeddings.load."""
    if options.precision:
        return options.precision
    if mx.default_device().type == mx.DeviceType.cpu:
        return "float32"
    if is_synthetic(model):
        return "bfloat16"
    folder = find_folder(model).path
    kind = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("model_type")
    return "float32" if kind in ENCODERS else float_type(folder)
