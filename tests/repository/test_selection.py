"""What ``-m`` selects, and that the gate needs nothing of the other tests."""

import ast
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from embedding_gate import own_files
from tests import selection

FOLDERS = ("quality", "faults", "claims", "end_to_end", "embeddings")


@pytest.mark.parametrize(
    ("expression", "folders"),
    [
        ("", FOLDERS),
        ("quality", ("quality",)),
        ("quality or claims", ("quality", "claims")),
        ("(quality) and not claims", ("quality",)),
        ("not faults", ("quality", "claims", "end_to_end", "embeddings")),
        ("not quality and not faults and not end_to_end", ("claims", "embeddings")),
        ("end_to_end", ("end_to_end",)),
        ("quality and faults", ()),
        ("quality or skipif", FOLDERS),
        ("quality(some=1)", FOLDERS),
    ],
)
def test_folders_that_can_match(expression: str, folders: tuple[str, ...]) -> None:
    assert matching(expression) == folders
    config, tests = configured(expression), own_files.ROOT / "tests"
    others = (own_files.ROOT, tests, tests / "embeddings" / "test_a.py")
    assert all(selection.can_match(config, path) for path in others)


def configured(expression: str) -> Any:
    """Make what is left of pytest's configuration when it has that expression alone."""
    return SimpleNamespace(getoption={"markexpr": expression}.get)


def matching(expression: str) -> tuple[str, ...]:
    """Name the folders whose tests an expression can select."""
    config, tests = configured(expression), own_files.ROOT / "tests"
    return tuple(name for name in FOLDERS if selection.can_match(config, tests / name))


def test_continuous_integration_runs_each_folder_once() -> None:
    """One command behind the targets that it makes selects a folder's tests, whatever their marker."""
    run = (own_files.ROOT / ".ci" / "run").read_text(encoding="utf-8")
    jobs = (own_files.ROOT / ".github" / "workflows" / "hard.yml").read_text(encoding="utf-8")
    makefile = (own_files.ROOT / "Makefile").read_text(encoding="utf-8")
    expressions = [
        quoted or word
        for target in re.findall(r"^(?:make| +-) ([a-z-]+)$", run + jobs, re.MULTILINE)
        for recipe in re.findall(rf"^{target}:.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)
        for quoted, word in re.findall(r'-m pytest -m (?:"(.+?)"|(\w+))', recipe)
    ]
    selected = [folder for one in expressions for folder in matching(one)]
    assert sorted(selected) == sorted(FOLDERS)


def markers_of(file: Path) -> set[str]:
    """Name the project's markers that a file of tests has: from its folder, by itself, or from the suite."""
    module = ast.parse(file.read_text(encoding="utf-8"))
    folder = file.with_name("conftest.py")
    by_folder = folder.read_text(encoding="utf-8") if folder.exists() else ""
    found = re.findall(r"\bmark\.(\w+)", ast.unparse(module) + by_folder)
    imported = {node.module for node in module.body if isinstance(node, ast.ImportFrom)}
    taken_over = {"quality"} if "embedding_gate.suite" in imported else set()
    return (set(found) | taken_over) & set(selection.MARKERS)


def test_a_marker_is_its_folder() -> None:
    """Each file of tests has the marker that its folder is named by, and no other of the project's."""
    files = sorted((own_files.ROOT / "tests").glob("*/**/test_*.py"))
    expected = {file: {file.relative_to(own_files.ROOT).parts[1]} & set(selection.MARKERS) for file in files}
    assert {file: markers_of(file) for file in files} == expected


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, "more than half an hour; the gate alone takes half a minute: pytest -m quality"),
        ({"markexpr": "quality"}, ""),
        ({"keyword": "norm"}, ""),
        ({"collectonly": True}, ""),
        ({"benchmark_only": True}, "a few minutes"),
        ({"benchmark_only": True, "keyword": "latency"}, ""),
        ({"benchmark_only": True, "model": ["all-MiniLM-L6-v2"]}, ""),
        ({"benchmark_only": True, "against": "main"}, ""),
    ],
)
def test_a_long_run_says_about_how_long_it_takes(options: dict[str, Any], told: str) -> None:
    """Whoever meant the gate alone reads how it is run."""
    given: Any = SimpleNamespace(
        getoption=lambda name, default=None: options.get(name, default), args_source=None
    )
    line = selection.pytest_report_header(given)
    assert line is None if not told else told in (line or "")
    given.args_source = pytest.Config.ArgsSource.ARGS
    assert selection.pytest_report_header(given) is None
