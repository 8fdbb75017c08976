"""TensorFlow Projector files: ``vectors_X.tsv``, ``metadata_X.tsv``, ``config_X.json``.

The format (https://www.tensorflow.org/tensorboard/tensorboard_projector_plugin): vectors have one row a
text, tab between components, no header; metadata of more than one column has a header. Neither has
quoting, so tab, line feed, carriage return and backslash inside a text are written with a backslash. The same
is done to the first character of a text that looks quoted, or a reader would remove the quotation marks.
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from embedding_gate.errors import InputError

__all__ = [
    "HEADER",
    "LOOKS_QUOTED",
    "check_writable",
    "escape",
    "projector_name",
    "unescape",
    "write_projector",
]

HEADER = ("Label", "Category", "Text")
_ESCAPES = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}
_UNESCAPES = {written: character for character, written in _ESCAPES.items()} | {'\\"': '"'}
LOOKS_QUOTED = re.compile(r'"[^"]*(?:""[^"]*)+"')  # as pandas writes a text with quotation marks


def escape(text: str) -> str:
    """Write a text as one field of one line."""
    written = re.sub(r"[\\\t\n\r]", lambda found: _ESCAPES[found.group()], text)
    return "\\" + written if LOOKS_QUOTED.fullmatch(written) else written


def unescape(field: str) -> str:
    """Read a field that ``escape`` wrote. A backslash before any other character is a backslash."""
    return re.sub(r'\\[\\tnr]|\A\\"', lambda found: _UNESCAPES[found.group()], field)


def projector_name(model: str) -> str:
    """Return X for a model: its name, with "-" for each character that a file name cannot have."""
    return re.sub(r"[^\w.+-]+", "-", model).strip("-.") or "model"


def write_projector(
    folder: Path,
    model: str,
    vectors: NDArray[np.float32],
    *,
    labels: Sequence[str],
    categories: Sequence[str],
    texts: Sequence[str],
) -> list[Path]:
    """Write vectors (N, D) and the labels of their N texts, and return the three files.

    The files are written under other names and then renamed. So a full disk or an interruption leaves the old
    files as they were.

    Raises:
        InputError: the numbers of rows differ, a component is not finite, or the folder cannot be written.

    """
    if not len(vectors) == len(labels) == len(categories) == len(texts):
        raise InputError(
            folder,
            f"{len(vectors)} vectors, {len(labels)} labels, {len(categories)} categories, {len(texts)} texts",
            hint="give one of each for every text",
        )
    if not np.isfinite(vectors).all():
        raise InputError(folder, f"{model} gave vectors with NaN or infinity", hint="see the gate's table")
    name = projector_name(model)
    config = {
        "embeddings": [
            {
                "tensorName": model,
                "tensorShape": list(vectors.shape),
                "tensorPath": f"vectors_{name}.tsv",
                "metadataPath": f"metadata_{name}.tsv",
            }
        ]
    }
    rows = [HEADER, *zip(labels, categories, texts, strict=True)]
    contents = {
        # Nine significant digits give every float32 back.
        f"vectors_{name}.tsv": ("\t".join(f"{x:.9g}" for x in vector) for vector in vectors.tolist()),
        f"metadata_{name}.tsv": ("\t".join(map(escape, row)) for row in rows),
        f"config_{name}.json": [json.dumps(config, indent=2, ensure_ascii=False)],
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder, prefix=".") as scratch:
            for file, lines in contents.items():
                with (Path(scratch) / file).open("w", encoding="utf-8", newline="\n") as out:
                    out.writelines(f"{line}\n" for line in lines)
            return [(Path(scratch) / file).replace(folder / file) for file in contents]
    except (OSError, UnicodeEncodeError) as error:
        raise _unwritable(folder, error) from error


def check_writable(folder: Path) -> None:
    """Make the folder if necessary, and check that files can be written into it.

    Raises:
        InputError: they cannot.

    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder, prefix="."):
            pass
    except OSError as error:
        raise _unwritable(folder, error) from error


def _unwritable(folder: Path, error: Exception) -> InputError:
    return InputError(folder, f"cannot be written ({error})", hint="free space, or name another folder")
