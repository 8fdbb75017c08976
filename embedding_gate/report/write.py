"""Writes the files of a report: all new or all as they were, whatever stops it."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from embedding_gate.errors import InputError
from embedding_gate.report.html import page
from embedding_gate.report.markdown import markdown
from embedding_gate.report.pictures import pictures, plotly
from embedding_gate.report.record import as_json
from embedding_gate.report.schema.record import Record
from embedding_gate.report.sections import document
from embedding_gate.signals import uninterrupted

__all__ = ["write_files", "write_report"]


def write_report(folder: Path, record: Record) -> list[Path]:
    """Write report.html, report.md and report.json into a folder; return the files.

    Raises:
        InputError: they cannot be written, or the library of the pictures is missing.

    """
    found, shown = document(record), pictures(record)
    contents = {
        "report.json": as_json(record),
        "report.md": markdown(found),
        "report.html": page(found, pictures=shown, plotly=plotly() if shown else ""),
    }
    return write_files(folder, contents)


def write_files(folder: Path, contents: Mapping[str, str]) -> list[Path]:
    """Write files beside their places and then move them there; an interruption waits until that is done.

    Raises:
        InputError: the folder cannot be written; what was there before is still there.

    """
    try:
        with uninterrupted():
            folder.mkdir(parents=True, exist_ok=True)
            if folders := [name for name in contents if (folder / name).is_dir()]:
                raise OSError(f"{folders[0]} is a folder")
            with TemporaryDirectory(dir=folder, prefix=".") as scratch:
                for name, text in contents.items():
                    (Path(scratch) / name).write_text(text, encoding="utf-8", newline="\n")
                return [(Path(scratch) / name).replace(folder / name) for name in contents]
    except OSError as error:
        raise InputError(
            folder, f"cannot be written ({error})", hint="free space, or name another folder"
        ) from error
