"""The only list of which files are judged, which are the judge, and which are neither."""

from typing import Literal

__all__ = ["ROLES", "Role", "listed", "role"]

Role = Literal["judged", "judge", "neither"]

# A file, or a folder with everything in it. The longest entry that matches counts.
ROLES: dict[str, Role] = {
    "embeddings/": "judged",
    "embedding_gate/": "judge",
    "tests/": "judge",
    "examples/": "judge",  # make subjects imports them
    "fixtures/": "judge",
    "benchmarks/": "judge",  # conftest.py loads its plugin
    "benchmarks/README.md": "neither",
    "benchmarks/results/": "neither",
    "benchmarks/results/peers.json": "judge",  # the report reads it
    "conftest.py": "judge",
    "pyproject.toml": "judge",  # its pytest section: see changes.py
    "requirements.lock": "judge",
    "requirements-dev.lock": "judge",
    "Makefile": "judge",
    "action.yml": "judge",
    ".github/": "judge",
    ".ci/": "judge",
    ".gitignore": "neither",
    "CHANGELOG.md": "neither",
    "CONTRIBUTING.md": "neither",
    "LICENSE": "neither",
    "README.md": "neither",
    "SECURITY.md": "neither",
    "mkdocs.yml": "neither",
    "docs/": "neither",
}
READ_BY_NAME = "conftest.py"  # pytest runs it in every folder


def listed(path: str) -> str | None:
    """Return the entry of ROLES that a path (with slashes, from the root) falls under."""
    fits = (entry for entry in ROLES if path == entry or (entry.endswith("/") and path.startswith(entry)))
    return max(fits, key=len, default=None)


def role(path: str) -> Role:
    """Return the role of a file. A file that is not listed is the judge: pytest or Python might read it.

    Upper and lower case count as the same, because they are the same in some file systems. File systems may
    also change paths that are not ASCII. So such a path is never "judged".
    """
    entry = listed(path) or listed(path.lower())
    name = path.lower().rpartition("/")[2]
    if entry is None or not path.isascii() or name == READ_BY_NAME:
        return "judge"
    folded = listed(path.lower())
    return "judge" if folded and ROLES[folded] == "judge" else ROLES[entry]
