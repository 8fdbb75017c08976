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
    config: Any = SimpleNamespace(getoption={"markexpr": expression}.get)
    tests = own_files.ROOT / "tests"
    assert tuple(name for name in FOLDERS if selection.can_match(config, tests / name)) == folders
    assert all(
        selection.can_match(config, path)
        for path in (own_files.ROOT, tests, tests / "embeddings" / "test_a.py")
    )


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
