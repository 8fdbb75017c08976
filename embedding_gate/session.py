"""Decides what a run judges and by which thresholds, and runs the checks outside pytest.

The mutation tests run the same functions that judge a pull request, not copies of them.
"""

import difflib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path

import numpy as np

from embedding_gate.adapter import open_baseline
from embedding_gate.claims.published import MARGIN, Comparison, compare, measure, read_published
from embedding_gate.claims.table import published_table
from embedding_gate.data.projector import projector_name, write_projector
from embedding_gate.data.rows import dialect_notes
from embedding_gate.endpoint import Endpoint, is_address
from embedding_gate.errors import FixtureError, InputError, SubjectError, SubjectLost
from embedding_gate.own_files import (
    FIXTURES,
    OWN,
    SIGNATURES,
    Options,
    golden,
    hashes,
    thresholds_of,
)
from embedding_gate.register import (
    GateTest,
    endpoint_tests,
    gate_tests,
    is_semantic,
    judges,
    live_tests,
    recorded_tests,
)
from embedding_gate.snapshots import compared_recorded
from embedding_gate.subjects.embedded import Baseline, Embedded
from embedding_gate.subjects.live import Subject
from embedding_gate.subjects.offers import OFFERS, unoffered
from embedding_gate.subjects.origin import NOT_WORSE
from embedding_gate.subjects.protocols import Tokenized
from embedding_gate.subjects.recorded import Recorded, read_recorded
from embedding_gate.verdicts.diagnosis import looks_like, read_signatures
from embedding_gate.verdicts.gate import Gate, check_name
from embedding_gate.verdicts.threshold_file import read_own_thresholds
from embedding_gate.verdicts.thresholds import Threshold


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
    remarks += [f"  topics: SHA-256 {topics.sha256}", *dialect_notes(folder / f"metadata_{name}.tsv")]
    beside = compared_recorded(folder, name, options)
    return Recorded(name, embedded, tuple(found), tuple(remarks), reindex=beside)


def _tokenizer(baseline: Baseline | None) -> Callable[[Sequence[str]], Tokenized] | None:
    def tokenize(some: Sequence[str]) -> Tokenized:
        assert baseline is not None
        return baseline.encoder.tokenize(some)  # loads the model, so only when it is needed

    return tokenize if baseline else None


def published_of(judged: Subject | Recorded) -> Sequence[Comparison]:
    """Compare the published figures of what is judged with the measured ones."""
    if isinstance(judged, Recorded):
        return judged.published
    topics = judged.topics.labelled
    measured = measure(judged.topics.vectors[0], topics)
    published = read_published(FIXTURES / "published.toml")
    found = compare(published, judged.name, measured, topics.sha256_of_texts, margin=MARGIN)
    judged.notes += published_table(found)
    return found


def export(judged: Iterable[Subject], folder: Path) -> list[str]:
    """Write TensorFlow Projector files of each model's topics, check them, and say what was written.

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
            raise FixtureError(
                folder, f"{name}: the files read back differ from what was written", hint="try another disk"
            )
        lines.append(f"projector: {', '.join(path.name for path in files)} in {folder}")
    return lines


def tests_of(options: Options) -> dict[str, GateTest]:
    """Return the tests of a run on a live model, by name."""
    server = is_address(options.subject or "")
    return live_tests(
        options.recipe,
        server=server,
        origin=options.origin is not None,
        reindex=options.snapshot is not None or options.against_model is not None,
        ranks=options.ranks is not None,
    )


def open_gate(subject: Subject, options: Options = OWN) -> Gate:
    """Make a gate with the thresholds that bind a model on its texts."""
    thresholds = _thresholds(
        subject.name, tests_of(options), hashes(subject.sets), options, subject.precision
    )
    return Gate(subject.name, thresholds, options.require, subject.recorder)


def open_recorded_gate(recorded: Recorded, options: Options = OWN) -> Gate:
    """Make a gate with the thresholds that apply to recorded vectors."""
    used = {recorded.topics.labelled.sha256}
    made = recorded_tests(reindex=options.snapshot is not None)
    thresholds = _thresholds(recorded.name, made, used, options, "float32")
    return Gate(recorded.name, thresholds, options.require)


def _thresholds(
    model: str, tests_run: Iterable[str], used: set[str], options: Options, precision: str
) -> dict[str, Threshold]:
    thresholds = thresholds_of(model, used, options, precision)
    # Leave out thresholds of checks that this kind of run does not make. A threshold without any check stays.
    others = {check_name(name) for name, _ in gate_tests()} - {check_name(name) for name in tests_run}
    return {
        check: threshold for check, threshold in thresholds.items() if check.partition(":")[0] not in others
    }


def diagnosis(gate: Gate, declared: Sequence[str] = ()) -> list[str]:
    """Say which known faults a red gate looks like. If this cannot be read, the verdict stays the same.

    A subject that gave no vectors looks like none. To be worse than one's origin, or another, is no
    fault of the code. The contract of a server is no evidence: no known fault was recorded on a server.

    declared: what the model declares otherwise than its origin, which is the first thing to look at.
    """
    if not gate.red:
        return []
    told = tuple(error.__name__ for error in SubjectError.__subclasses__())
    others = {NOT_WORSE, "reindex", *map(check_name, endpoint_tests())}
    verdicts = [
        one
        for one in gate.verdicts
        if one.check not in others and not (one.red and one.evidence.startswith(told))
    ]
    changed = f"  looks like: another declaration than that of the origin ({'; '.join(declared)})"
    lines = [changed] if declared else []
    try:
        return [*lines, *looks_like(verdicts, read_signatures(SIGNATURES))]
    except FixtureError as error:
        return [*lines, f"  looks like: {error}"]


def unbound(own: Path, gates: Iterable[Gate]) -> list[str]:
    """Name a user's thresholds that apply to nothing in this run: misspelt, or for other texts."""
    known = {
        (threshold.check, threshold.model, threshold.fixture)
        for gate in gates
        for threshold in gate.thresholds.values()
        if threshold.own
    }
    return [
        f"{threshold.check} of {threshold.model} on texts {threshold.fixture[:12]}"
        for threshold in read_own_thresholds(own)
        if (threshold.check, threshold.model, threshold.fixture) not in known
    ]


def run_gate(subject: Subject, gate: Gate, only: Collection[str] = ()) -> None:
    """Run each test of the gate that can judge the subject; the verdicts are in the gate afterwards.

    only: names of checks; all others are left out. Empty for all checks.
    """
    for name, test in live_tests().items():
        if only and check_name(name) not in only:
            continue
        if subject.random and is_semantic(test):
            continue
        try:
            with gate.claim(name):
                if lacking := unoffered(test, subject.offers):
                    gate.not_offered(lacking)
                else:
                    test(subject.topics if judges(test) != "subject" else subject, gate)
        except SubjectLost:
            return
        except Exception:  # noqa: BLE001, S112  (the gate has recorded it as a verdict)
            continue


def run_endpoint_gate(endpoint: Endpoint, gate: Gate, only: Collection[str] = ()) -> None:
    """Run each test of a server's contract; the verdicts are in the gate afterwards.

    only: names of checks; all others are left out. Empty for all checks.
    """
    for name, test in endpoint_tests().items():
        if only and check_name(name) not in only:
            continue
        try:
            with gate.claim(name):
                test(endpoint, gate)
        except Exception:  # noqa: BLE001, S112  (the gate has recorded it as a verdict)
            continue


def check_required(names: Iterable[str]) -> None:
    """Refuse a name of ``--require`` that is neither a check nor an offer.

    Raises:
        InputError: it is none.

    """
    known = [*(check_name(name) for name, _ in gate_tests()), *OFFERS]
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, 3)
            hint = (
                f"did you mean {' or '.join(near)}?"
                if near
                else f"take one of {', '.join(sorted(set(known)))}"
            )
            raise InputError(f"--require={name}", "is neither a check nor an offer", hint=hint)
