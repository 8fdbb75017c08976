"""The gate's own files, each read once, and the options that replace them."""

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from embedding_gate.data.goldens import Golden, Texts, read_golden, read_texts
from embedding_gate.data.labelled import read_pairs, read_topics
from embedding_gate.data.retrieval import read_retrieval
from embedding_gate.data.sets import Sets
from embedding_gate.verdicts.threshold_file import Fixtures, read_thresholds
from embedding_gate.verdicts.thresholds import Threshold

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
# In a wheel the files lie in the package; in a checkout they lie beside it.
FIXTURES = HERE / "fixtures" if (HERE / "fixtures").is_dir() else ROOT / "fixtures"
THRESHOLDS = FIXTURES / "thresholds.toml"
SIGNATURES = FIXTURES / "signatures.json"
ANCHORS = FIXTURES / "anchors"
DEFAULT_MODEL = "all-MiniLM-L6-v2"
DECLARED = "declared"  # the recipe that the model's folder declares


@dataclass(frozen=True)
class Options:
    """What the user gives in place of the gate's own files and settings."""

    topics: Path = FIXTURES / "topics.jsonl"
    pairs: Path = FIXTURES / "pairs.jsonl"
    retrieval: Path = FIXTURES / "retrieval"
    thresholds: Path | None = None
    baseline: str | None = DEFAULT_MODEL
    origin: str | None = None
    recipe: str = DECLARED
    device: str | None = None
    precision: str | None = None
    subject: str | None = None
    python: str | None = None
    timeout: float = 60.0
    served_as: str | None = None  # what a server calls the model, if that is another name
    require: frozenset[str] = frozenset()
    encoded: Path | None = None  # a folder of the passages' vectors
    ranks: int | None = None  # processes that share the work, in the check of that
    snapshot: Path | None = None
    against_model: str | None = None
    at_worst: Any = None  # the worst answer about old and new vectors that is no failure


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


def own_texts(options: Options) -> tuple[Texts, Sets, bool]:
    """Return all texts of a run, and whether some of them are the user's."""
    labelled = sets(options)
    return texts(), labelled, hashes(labelled) != hashes(sets())


@cache
def slice_of_sets(number: int = 0) -> Sets:
    """Return the gate's topics with some of its pairs and queries, for the mutation tests.

    number: of the slice. Two slices have no pair and no query in common.
    """
    pairs = sets().pairs.first(32, after=32 * number)
    return replace(sets(), pairs=pairs, retrieval=sets().retrieval.first(10, after=10 * number))


def hashes(labelled: Sets) -> set[str]:
    """Return the hashes of all texts of a run."""
    return {texts().sha256, labelled.topics.sha256, labelled.pairs.sha256, labelled.retrieval.sha256}


def thresholds_of(model: str, used: set[str], options: Options, precision: str) -> dict[str, Threshold]:
    """Read the thresholds that bind a model on the texts of a run."""
    unused = (hashes(sets()) | hashes(slice_of_sets())) - used
    return read_thresholds(
        THRESHOLDS,
        model=model,
        fixtures=Fixtures(used, unused),
        recipe=options.recipe,
        precision=precision,
        own=options.thresholds,
    )
