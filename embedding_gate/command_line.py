"""The gate's options, as pytest takes them and as ``embedding-gate`` does."""

from pathlib import Path

import pytest

from embedding_gate.own_files import Options
from embedding_gate.reindex.reindex import REQUIRED
from embedding_gate.subjects.origin import NOT_WORSE
from embeddings.catalog import DEFAULT_MODEL
from embeddings.recipe import DECLARED, RECIPES

__all__ = [
    "FILES",
    "add_options",
    "judges",
    "names_of",
    "read_options",
    "subject_of",
]

FILES = {
    "--recorded": "judge the vectors_X.tsv and metadata_X.tsv of this folder, and no live model",
    "--topics": "your own texts by topic: .jsonl, .tsv or .csv with category and text",
    "--sts": "your own graded pairs: .jsonl, .tsv or .csv with sentence1, sentence2 and score",
    "--retrieval": "your own retrieval set: a folder in BEIR form",
    "--encoded": "the passages' vectors of --retrieval: a folder that embedding-gate encode wrote",
    "--thresholds": "your own thresholds, which go before the gate's",
    "--snapshot": "compare with the vectors of this snapshot: may old and new stand in one index?",
    "--projector": "write TensorFlow Projector files of the judged vectors into this folder",
}
OWN_FILES = {"topics": "topics", "sts": "pairs", "retrieval": "retrieval", "thresholds": "thresholds"}


def add_options(parser: pytest.Parser) -> None:
    """Add the options that say what is judged, and how.

    Raises:
        UsageError: another plugin has an option of the same name.

    """
    try:
        _add_options(parser)
    except ValueError as error:
        why = str(error).partition(" (")[0]
        hint = "leave that plugin out with -p no:NAME, or use the command embedding-gate"
        raise pytest.UsageError(f"embedding_gate.plugin: {why}, in another plugin; {hint}") from error


def _add_options(parser: pytest.Parser) -> None:
    group = parser.getgroup("embedding-gate")
    group.addoption(
        "--model",
        action="append",
        metavar="NAME|PATH",
        default=[],
        help=f"model to judge, as --model=PATH; repeatable (default: {DEFAULT_MODEL})",
    )
    for option, text in FILES.items():
        group.addoption(option, type=Path, metavar="PATH", help=f"{text}; as {option}=PATH")
    group.addoption(
        "--origin",
        metavar="NAME|PATH",
        help="compare with this model, which the judged one was fine-tuned or quantized from",
    )
    group.addoption(
        "--against-model",
        metavar="NAME|PATH|URL",
        help="compare with the vectors of this model: may both stand in one index?",
    )
    group.addoption(
        "--subject",
        metavar="SUBJECT",
        help="judge python:MODULE:NAME, http://HOST:PORT/v1/embeddings, ollama:HOST:PORT or tei:HOST:PORT, "
        "which claims to be --model",
    )
    group.addoption("--python", metavar="INTERPRETER", help="run the subject under this Python")
    group.addoption("--served-as", metavar="NAME", help="the server's name of the model (default: --model)")
    group.addoption("--subject-timeout", type=float, metavar="SECONDS", help="of one call (default: 60)")
    group.addoption(
        "--ranks", type=int, metavar="N", help="also compare the vectors of N processes that share the work"
    )
    group.addoption(
        "--require",
        metavar="CHECKS",
        help="checks, or what a subject offers, joined by commas: red if they are not judged",
    )
    parser.addini("embedding_gate_subject", "the subject that is judged, as --subject names it")
    parser.addini("embedding_gate_require", "a check or an offer a line, as --require", type="linelist")
    group.addoption(
        "--recipe",
        choices=(DECLARED, *RECIPES),
        default=DECLARED,
        help="the way from texts to vectors (default: what the model's folder declares)",
    )
    group.addoption(
        "--calibrate",
        action="store_true",
        help="write the semantic thresholds of a model that passes parity; the run that does so is red",
    )
    group.addoption(
        "--call-shapes",
        action="store_true",
        help="print what the run asked of the model: texts, rows, lengths, threads, options",
    )
    group.addoption(
        "--precision",
        choices=("float32", "float16", "bfloat16"),
        help="compute in it (default: float32, but the checkpoint's own for a decoder on a GPU)",
    )
    group.addoption(
        "--device", choices=("cpu", "gpu"), help="compute on it (default: a GPU where there is one)"
    )
    group.addoption(
        "--compare",
        action="store_true",
        help="compare the models side by side with the first: size, speed, and what their vectors lose",
    )
    group.addoption(
        "--baseline",
        metavar="NAME|PATH|none",
        default=DEFAULT_MODEL,
        help=f"model that the judged one must not be worse than (default: {DEFAULT_MODEL})",
    )


def read_options(config: pytest.Config) -> Options:
    """Return what the user asked for.

    Raises:
        UsageError: an option is empty, or is no time, or lacks another.

    """
    if not (baseline := config.getoption("baseline")):
        raise pytest.UsageError("--baseline: must be a name, a folder, or none")
    if config.getoption("origin") == "":
        raise pytest.UsageError("--origin: must be a name or a folder")
    timeout = config.getoption("subject_timeout")
    if timeout is not None and not timeout > 0:
        raise pytest.UsageError("--subject-timeout: must be more than 0 seconds")
    ranks = config.getoption("ranks")
    if ranks is not None and ranks < 2:
        raise pytest.UsageError("--ranks: must be a number of processes, 2 or more")
    required = [*(config.getoption("require") or "").split(","), *config.getini("embedding_gate_require")]
    required = [name.strip() for name in required if name.strip()]
    if NOT_WORSE in required and config.getoption("origin") is None:
        raise pytest.UsageError(
            f"--require={NOT_WORSE}: compares with the model's origin; add --origin=NAME or FOLDER"
        )
    worst = [name for name in REQUIRED if name in required]
    if worst and not (config.getoption("snapshot") or config.getoption("against_model")):
        raise pytest.UsageError(
            f"--require={worst[0]}: compares old and new vectors; add --snapshot=FILE or --against-model=NAME"
        )
    given = {name: config.getoption(option) for option, name in OWN_FILES.items() if config.getoption(option)}
    return Options(
        **given,
        baseline=None if baseline == "none" else baseline,
        origin=config.getoption("origin"),
        recipe=config.getoption("recipe"),
        device=config.getoption("device"),
        precision=config.getoption("precision"),
        subject=subject_of(config),
        python=config.getoption("python"),
        served_as=config.getoption("served_as"),
        timeout=timeout or Options.timeout,
        require=frozenset(required) - frozenset(REQUIRED),
        snapshot=config.getoption("snapshot"),
        against_model=config.getoption("against_model"),
        at_worst=worst[0] if worst else None,
        encoded=config.getoption("encoded"),
        ranks=ranks,
    )


def subject_of(config: pytest.Config) -> str | None:
    """Return the subject that is not this repository's library, or None."""
    return config.getoption("subject") or config.getini("embedding_gate_subject") or None


def judges(config: pytest.Config) -> bool:
    """Tell whether checks of the gate are likely to be selected: -m is not read as pytest reads it."""
    asked = config.getoption("markexpr")
    named = not asked or ("quality" in asked and "not quality" not in asked)
    return named and not config.getoption("benchmark_only", default=False)


def names_of(config: pytest.Config) -> list[str]:
    """Return the live models that are judged, as the user named them."""
    models: list[str] = config.getoption("model")
    return models or [DEFAULT_MODEL]
