"""The documents: what they point to is there, what they tell to run can be run, and the README is short."""

import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from embedding_gate.own_files import ROOT

SINGLE = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "benchmarks/README.md", "fixtures/README.md")
DOCUMENTS = [*SINGLE, *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]
LINES = 200  # the README has fewer
ELSEWHERE = {"pip", "pytest", "venv"}  # modules that are not of this tree
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(rf"{FENCE.pattern}|`[^`]+`", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[(?P<words>[^\]]*)\]\((?P<to>[^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
TARGET = re.compile(r"\bmake\s+(?:[A-Z]+=\S+\s+)*([a-z][a-z-]*)")
FILE = re.compile(r"`((?:embeddings|embedding_gate|tests|benchmarks|fixtures|docs)/[\w/.-]*)`")
MODULE = re.compile(r"\bpython[\d.]*\s+-m\s+([A-Za-z_][\w.]*\w)")


@cache
def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def code(document: str) -> str:
    """Return all code of a document, inline or in blocks."""
    return "\n".join(CODE.findall(text(ROOT / document)))


def anchors(path: Path) -> set[str]:
    """Return what GitHub makes of the headings: a second heading of the same words gets -1, and so on."""
    seen: Counter[str] = Counter()
    found = set()
    for heading in HEADING.findall(FENCE.sub("", text(path))):
        words = re.sub(r"[^\w\s-]", "", LINK.sub(r"\g<words>", heading).lower()).replace(" ", "-")
        found.add(f"{words}-{seen[words]}" if seen[words] else words)
        seen[words] += 1
    return found


def dead(document: str, written: str) -> Iterator[str]:
    """Yield each relative link in what is written in a document that leads nowhere."""
    for _, link in LINK.findall(FENCE.sub("", written)):
        name, _, anchor = link.partition("#")
        path = (ROOT / document).parent / name if name else ROOT / document
        if not re.match(r"[a-z]+:", link) and not (path.exists() and (not anchor or anchor in anchors(path))):
            yield link


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    assert list(dead(document, text(ROOT / document))) == []


def test_a_dead_link_is_found() -> None:
    written = "[a](docs/none.md) [b](#no-such-heading) [c](docs/checks.md#none) [d](https://mlx.invalid/)\n"
    assert list(dead("README.md", written)) == ["docs/none.md", "#no-such-heading", "docs/checks.md#none"]


def test_every_document_is_linked_from_the_readme() -> None:
    links = {to for _, to in LINK.findall(text(ROOT / "README.md"))}
    assert {document for document in DOCUMENTS if document.startswith("docs/")} <= links


def test_the_readme_is_short() -> None:
    assert len(text(ROOT / "README.md").splitlines()) < LINES


@pytest.mark.parametrize("document", DOCUMENTS)
def test_files_that_are_named_are_there(document: str) -> None:
    assert [name for name in FILE.findall(text(ROOT / document)) if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_what_make_is_told_is_a_target(document: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", text(ROOT / "Makefile"), re.MULTILINE))
    assert set(TARGET.findall(code(document))) - targets == set()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_modules_that_are_run_are_there(document: str) -> None:
    modules = set(MODULE.findall(code(document))) - ELSEWHERE
    assert [module for module in sorted(modules) if not is_module(module)] == []


def is_module(name: str) -> bool:
    """Whether ``python -m`` finds a module of this tree."""
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or Path(path, "__main__.py").is_file()
