"""Opens what the gate judges, and runs the gate's own tests on it outside pytest.

The proof of power runs the very functions that judge a pull request, not copies of them.
"""

import importlib
import inspect
import json
import pkgutil
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import embeddings
import tests.quality
from embeddings.blas import mx
from embeddings.catalog import CATALOG, DEFAULT_MODEL
from embeddings.embedder import Embedder
from embeddings.errors import FixtureError
from embeddings.evaluation.checkpoint import float_type
from embeddings.evaluation.datasets import Golden, Texts, identify, read_golden, read_texts
from embeddings.evaluation.diagnosis import looks_like, read_signatures
from embeddings.evaluation.embed import Baseline, Embedded
from embeddings.evaluation.encoder import Encoder, Tokenized
from embeddings.evaluation.gate import Gate, check_name
from embeddings.evaluation.labelled import read_pairs, read_topics
from embeddings.evaluation.metrics import differences
from embeddings.evaluation.published import MARGIN, Comparison, compare, measure, read_published
from embeddings.evaluation.recorded import Recorded, read_recorded
from embeddings.evaluation.report import published_table
from embeddings.evaluation.retrieval import read_retrieval
from embeddings.evaluation.subject import ENCODERS, Sets, Subject
from embeddings.evaluation.tables import tsv_dialect
from embeddings.evaluation.thresholds import Fixtures, Threshold, read_own_thresholds, read_thresholds
from embeddings.folder import find_folder
from embeddings.models import Bert, Decoder
from embeddings.projector import projector_name, write_projector
from embeddings.recipe import DECLARED
from embeddings.synthetic import PREFIX
from tests.elsewhere import Elsewhere

ROOT = Path(__file__).resolve().parents[1]
FIXTURES = ROOT / "fixtures"
THRESHOLDS = FIXTURES / "thresholds.toml"
SIGNATURES = FIXTURES / "signatures.json"

REFERENCE = "reference-2025"  # the recipe of the published figures
LONGEST = 512  # tokens of a text that the gate gives a model: what reads more is judged cut off there
GateTest = Callable[..., None]


@dataclass(frozen=True)
class Options:
    """What a run is judged on and by, where it is not the gate's own."""

    topics: Path = FIXTURES / "topics.jsonl"
    pairs: Path = FIXTURES / "pairs.jsonl"
    retrieval: Path = FIXTURES / "retrieval"
    thresholds: Path | None = None
    baseline: str | None = DEFAULT_MODEL
    recipe: str = DECLARED
    device: str | None = None
    precision: str | None = None


OWN = Options()


@cache
def texts() -> Texts:
    """Read the gate's texts."""
    return read_texts(FIXTURES / "texts.jsonl")


@cache
def golden(model: str) -> Golden | None:
    """Read a model's goldens."""
    return read_golden(FIXTURES / "golden", model, texts())


@cache
def sets(options: Options = OWN) -> Sets:
    """Read the labelled texts of a run."""
    return Sets(read_topics(options.topics), read_pairs(options.pairs), read_retrieval(options.retrieval))


@cache
def slice_of_sets(number: int = 0) -> Sets:
    """Return the gate's topics, and some of its pairs and queries: what the proof of power uses.

    number: of the slice; no two have a pair or a query in common.
    """
    pairs = sets().pairs.first(32, after=32 * number)
    return replace(sets(), pairs=pairs, retrieval=sets().retrieval.first(10, after=10 * number))


def tsv_notes(*paths: Path) -> list[str]:
    """Say of each TSV file how it was read, where it could have been read otherwise."""
    return [f"  {path.name}: {said}" for path in paths if (said := tsv_dialect(path))]


def name_of(model: str) -> str:
    """Name a model by what was asked for and by its files; what the library calls it does not matter."""
    if model in CATALOG or is_synthetic(model):
        return model
    folder = find_folder(model).path
    name = identify(folder, FIXTURES / "golden")
    if name == folder.resolve().name and not Path(model).expanduser().is_dir():
        return model.partition("@")[0].rpartition("/")[2]  # of the hub, where a folder has a commit's name
    return name


def source_of(model: str) -> str:
    """Tell where a model comes from, as a process that starts elsewhere can find it."""
    here = model not in CATALOG and Path(model).expanduser().is_dir()
    return str(Path(model).expanduser().resolve()) if here else model


def is_synthetic(model: str) -> bool:
    """Whether a model is asked for that has the shapes of a real one and random weights."""
    return model.startswith(PREFIX)


def open_baseline(model: str | None) -> Baseline | None:
    """Open the model that others must not be worse than.

    The library that encodes for it may itself be broken. So it is held against its goldens first.
    """
    if model is None:
        return None
    name, source = name_of(model), source_of(model)
    known = golden(name)
    if known is None:
        find_folder(model)  # that it is missing must not wait until it is needed

    def open_encoder() -> Encoder:
        encoder = embeddings.load(model)
        if known is not None:
            rows = [row for row, kind in enumerate(texts().kinds) if kind in ("word", "sentence")]
            found = encoder.encode([texts().texts[row] for row in rows])
            stray = differences(list(found), list(known.vectors[rows])).max()
            bar = _bars(name, live_tests(), _hashes(sets()), OWN, precision_of(model))["parity"]
            if bar.judge(stray).red:
                raise FixtureError(
                    f"--baseline {model}",
                    f"strays from its goldens by {stray:.2g} (bar {bar.at_most:g}): no measure",
                    mend="run pytest -m quality on it, and mend the library",
                )
        return encoder

    return Baseline(name, source, known, open_encoder)


def open_subject(model: str, options: Options = OWN, *, variant: tuple[str, int] | None = None) -> Subject:
    """Load a model for judgement. variant: the fault and seed that a new process must be like this one in."""
    labelled = sets(options)
    encoder = whole = embeddings.load(model, recipe=options.recipe, precision=options.precision)
    notes = []
    if encoder.max_tokens > LONGEST:
        notes.append(f"  judged on texts of at most {LONGEST} tokens; the model reads {encoder.max_tokens:,}")
        encoder = encoder.cut_at(LONGEST)
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
    notes += [baseline.note] if baseline else []
    gates = sets()
    notes += [
        f"  {name}: SHA-256 {of.sha256}"
        for name, of, usual in (
            ("topics", labelled.topics, gates.topics),
            ("pairs", labelled.pairs, gates.pairs),
            ("retrieval", labelled.retrieval, gates.retrieval),
        )
        if of.sha256 != usual.sha256
    ]
    notes += tsv_notes(options.topics, options.pairs, options.retrieval / "qrels" / "test.tsv")
    return Subject(
        name,
        source,
        encoder,
        texts(),
        known,
        lambda some: encode_elsewhere({**asked, "texts": some}),
        embeddings.VectorCache,
        lambda: changed(encoder),
        whole,
        peak_memory,
        labelled,
        baseline,
        recipe=options.recipe,
        precision=precision_of(model, options),
        random=random,
        notes=notes,
    )


def encode_elsewhere(asked: dict[str, Any]) -> NDArray[np.float32]:
    """Encode in a new process, which has drawn its own hash seed and has seen nothing before."""
    with Elsewhere() as process:
        return process.encode(asked)


def peak_memory(call: Callable[[], object]) -> int:
    """Return the bytes that MLX's device holds at the peak of a call, beyond those that it holds before."""
    mx.clear_cache()
    held = mx.get_active_memory()
    mx.reset_peak_memory()
    call()
    return mx.get_peak_memory() - held


def changed(encoder: Embedder) -> Embedder:
    """Return the same model with one weight doubled, the scale of its first norm; all others are shared."""
    weights = dict(encoder.model.weights)
    name = next(name for name in weights if name.lower().endswith("norm.weight"))
    weights[name] = 2 * weights[name]
    mx.eval(weights[name])
    if isinstance(encoder.model, Bert):
        model: Bert | Decoder = Bert(encoder.model.config, weights)
    else:
        model = Decoder(encoder.model.config, weights, causal=encoder.model.causal)
    return Embedder(encoder.folder, model, encoder.tokenizer, encoder.recipe)


def open_recorded(folder: Path, name: str, options: Options = OWN) -> Recorded:
    """Read recorded vectors for judgement."""
    topics, vectors = read_recorded(folder, name)
    baseline = open_baseline(options.baseline)
    published = read_published(FIXTURES / "published.toml")
    found = compare(published, name, measure(vectors, topics), topics.sha256_of_texts)
    known = golden(name)
    embedded = Embedded(
        topics,
        lambda: [vectors],
        baseline,
        "--baseline none",
        known.sets.get(topics.sha256) if known else None,
        _tokenizer(baseline),
    )
    remarks = [baseline.note] if baseline else []
    remarks += [f"  topics: SHA-256 {topics.sha256}", *tsv_notes(folder / f"metadata_{name}.tsv")]
    return Recorded(name, embedded, tuple(found), tuple(remarks))


def _tokenizer(baseline: Baseline | None) -> Callable[[Sequence[str]], Tokenized] | None:
    def tokenize(some: Sequence[str]) -> Tokenized:
        assert baseline is not None
        return baseline.encoder.tokenize(some)  # loads it, so not before it is asked

    return tokenize if baseline else None


def published_of(judged: Subject | Recorded) -> Sequence[Comparison]:
    """Set the published figures of what is judged beside its own."""
    if isinstance(judged, Recorded):
        return judged.published
    topics = judged.topics.labelled
    measured = measure(judged.topics.vectors[0], topics)
    published = read_published(FIXTURES / "published.toml")
    found = compare(published, judged.name, measured, topics.sha256_of_texts, margin=MARGIN)
    judged.notes += published_table(found)
    return found


def export(judged: Iterable[Subject], folder: Path) -> list[str]:
    """Write TensorFlow Projector files of each model's topics, read them back, and say what was written.

    Raises:
        InputError: they cannot be written.
        FixtureError: what was read back is not what was written.

    """
    lines, taken = [], Counter[str]()
    for subject in judged:
        known, vectors = subject.topics.labelled, subject.topics.vectors[0]
        name = projector_name(subject.name)
        taken[name] += 1
        name += f"-{taken[name]}" if taken[name] > 1 else ""
        files = write_projector(
            folder, name, vectors, labels=known.labels, categories=known.categories, texts=known.texts
        )
        back, again = read_recorded(folder, name)
        if back != known or not np.array_equal(again, vectors):
            raise FixtureError(folder, f"{name}: something else was read back", mend="try another disk")
        lines.append(f"projector: {', '.join(path.name for path in files)} in {folder}")
    return lines


def open_gate(subject: Subject, options: Options = OWN) -> Gate:
    """Make a gate with the bars that bind a model on its texts."""
    tests_run = live_tests(options.recipe)
    bars = _bars(subject.name, tests_run, _hashes(subject.sets), options, subject.precision)
    return Gate(subject.name, bars)


def precision_of(model: str, options: Options = OWN) -> str:
    """Name what a model is computed in: what was asked for, or what embeddings.load promises."""
    if options.precision:
        return options.precision
    if mx.default_device().type == mx.DeviceType.cpu:
        return "float32"
    if is_synthetic(model):
        return "bfloat16"
    folder = find_folder(model).path
    kind = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("model_type")
    return "float32" if kind in ENCODERS else float_type(folder)


def open_recorded_gate(recorded: Recorded, options: Options = OWN) -> Gate:
    """Make a gate with those bars that recorded vectors can be judged by."""
    used = {recorded.topics.labelled.sha256}
    return Gate(recorded.name, _bars(recorded.name, recorded_tests(), used, options, "float32"))


def _bars(
    model: str, tests_run: Iterable[str], used: set[str], options: Options, precision: str
) -> dict[str, Threshold]:
    unused = (_hashes(sets()) | _hashes(slice_of_sets())) - used
    bars = read_thresholds(
        THRESHOLDS,
        model=model,
        fixtures=Fixtures(used, unused),
        recipe=options.recipe,
        precision=precision,
        own=options.thresholds,
    )
    # What the other kind of run reads is not this one's; a bar of no test at all stays, and is unread.
    others = {check_name(name) for name, _ in gate_tests()} - {check_name(name) for name in tests_run}
    return {check: bar for check, bar in bars.items() if check.partition(":")[0] not in others}


def diagnosis(gate: Gate) -> list[str]:
    """Say which known faults a red gate looks like. That this cannot be read turns no verdict."""
    try:
        return looks_like(gate.verdicts, read_signatures(SIGNATURES)) if gate.red else []
    except FixtureError as error:
        return [f"  looks like: {error}"]


def unbound(own: Path, gates: Iterable[Gate]) -> list[str]:
    """Name the bars of a user's file that bind nothing in this run: misspelt, or of other texts."""
    known = {
        (bar.check, bar.model, bar.fixture) for gate in gates for bar in gate.thresholds.values() if bar.own
    }
    return [
        f"{bar.check} of {bar.model} on texts {bar.fixture[:12]}"
        for bar in read_own_thresholds(own)
        if (bar.check, bar.model, bar.fixture) not in known
    ]


def _hashes(labelled: Sets) -> set[str]:
    return {texts().sha256, labelled.topics.sha256, labelled.pairs.sha256, labelled.retrieval.sha256}


def gate_tests() -> Iterator[tuple[str, GateTest]]:
    """Yield the name and function of each test of the gate."""
    for module in pkgutil.iter_modules(tests.quality.__path__, "tests.quality."):
        for name, function in list(vars(importlib.import_module(module.name)).items()):
            if name.startswith("test_"):
                yield name, function


def needs(test: GateTest) -> str:
    """Tell what a test judges: a live "subject", vectors of "topics", or figures beside "published" ones."""
    return next(iter(inspect.signature(test).parameters))


def live_tests(recipe: str = DECLARED) -> dict[str, GateTest]:
    """Return the tests that judge a live model, by name. Figures were published of one recipe alone."""
    return {name: test for name, test in gate_tests() if needs(test) != "published" or recipe == REFERENCE}


def recorded_tests() -> dict[str, GateTest]:
    """Return the tests that judge recorded vectors, by name."""
    return {name: test for name, test in gate_tests() if needs(test) != "subject"}


def of_meaning(test: GateTest) -> bool:
    """Tell whether a test judges what the vectors say of texts, which random weights have no say in."""
    return test.__module__.rpartition("test_")[2] in ("topics", "pairs", "retrieval", "edits")


def run_gate(subject: Subject, gate: Gate, only: Collection[str] = ()) -> None:
    """Run each test of the gate that can judge the subject; the verdicts are in the gate afterwards.

    only: names of checks; all others are left out. Empty for all checks.
    """
    for name, test in live_tests().items():
        if only and check_name(name) not in only:
            continue
        if subject.random and of_meaning(test):
            continue
        try:
            with gate.claim(name):
                test(subject.topics if needs(test) != "subject" else subject, gate)
        except Exception:  # noqa: BLE001, S112  (the gate has recorded it as a verdict)
            continue
