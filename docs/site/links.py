"""Hooks of MkDocs: pages that lie outside docs/, and links that hold in the repository and on the site."""

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File

ROOT = Path(__file__).parents[2]
OUTSIDE = {  # file of the repository -> page of the site
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
    "benchmarks/README.md": "benchmark-rules.md",
    "benchmarks/results/README.md": "benchmark-results.md",
}
SOURCES = {page: file for file, page in OUTSIDE.items()}
LINK = re.compile(r"(?<=\]\()([^)\s#]+)(#[^)\s]*)?(?=\))")


def on_files(files: Any, config: Any) -> Any:
    """Add the pages that lie outside docs/."""
    for name, page in OUTSIDE.items():
        if (ROOT / name).exists():
            files.append(File.generated(config, page, content=(ROOT / name).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:  # noqa: ARG001
    """Turn each link to a file of the repository into one that holds on the site."""
    source = SOURCES.get(page.file.src_uri, f"docs/{page.file.src_uri}")
    return LINK.sub(lambda link: _target(source, link[1], config["repo_url"]) + (link[2] or ""), markdown)


def _target(source: str, link: str, repository: str) -> str:
    """Return where a link of a file leads on the site.

    Raises:
        PluginError: the repository has no such file.

    """
    if "://" in link or link.startswith("mailto:"):
        return link
    path = posixpath.normpath(posixpath.join(posixpath.dirname(source), link))
    if path in OUTSIDE:
        return OUTSIDE[path]
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    found = ROOT / path
    if not found.exists():
        raise PluginError(f"{source}: the link {link} leads nowhere")
    return f"{repository}/{'tree' if found.is_dir() else 'blob'}/main/{path}"
