"""The modules of a folder in the form of sentence-transformers: modules.json and the folders that it names.

Two spellings exist. Before version 5.4, 1_Pooling/config.json had a flag for each kind of pooling, and
``word_embedding_dimension``. Since then it has one word, ``pooling_mode``, and ``embedding_dimension``. Both
are read. A folder that uses both must say the same with both.
"""

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

from embeddings.after_pooling import VECTOR, read_dense
from embeddings.errors import DamagedModel, UnsupportedModel
from embeddings.folder import ModelFolder, account, typed
from embeddings.recipe import Module, Normalize

__all__ = ["read_modules"]

# What 1_Pooling/config.json names -> the pooling here, or None if this library does not have it.
_POOLINGS = {
    "cls": "first",
    "mean": "mean",
    "lasttoken": "last",
    "max": None,
    "mean_sqrt_len_tokens": None,
    "weightedmean": None,
}
_FLAGS = {  # before version 5.4
    "pooling_mode_cls_token": "cls",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_lasttoken": "lasttoken",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
}
_WIDTHS = ("word_embedding_dimension", "embedding_dimension")
_OURS = "sentence_transformers."  # a class of another package is code of the folder's author


def read_modules(folder: ModelFolder, hidden_size: int) -> tuple[str, tuple[Module, ...]]:
    """Return the pooling, as a name in pooling.POOLINGS, and the modules after it.

    Raises:
        DamagedModel: a file is missing or malformed, or says two things that differ.
        UnsupportedModel: this library does not support a module, a pooling or a key.

    """
    where = folder.path / "modules.json"
    modules = _listed(folder)
    kinds = [kind for kind, _ in modules]
    if kinds[:2] != ["Transformer", "Pooling"] or set(kinds[2:]) - {"Dense", "Normalize"}:
        raise UnsupportedModel(
            where,
            f"modules must be Transformer, Pooling, then Dense or Normalize, got {kinds}",
            hint="use a model without the others, or add support and a test",
        )
    if modules[0][1]:
        raise UnsupportedModel(
            where,
            f"the Transformer must lie in the model's folder itself, not in {modules[0][1]!r}",
            hint="save the folder again with sentence-transformers 2 or later",
        )
    pooling = _pooling(folder, modules[1][1], hidden_size)
    return pooling, _after(folder, modules[2:], hidden_size)


def _listed(folder: ModelFolder) -> list[tuple[str, str]]:
    """Return the kind and the path of each module."""
    where, found = folder.path / "modules.json", []
    modules = folder.json("modules.json")
    if not isinstance(modules, list) or not all(isinstance(module, dict) for module in modules):
        raise DamagedModel(where, "must be a list of objects with a 'type'", hint="fetch the file again")
    for module in modules:
        account(where, module, handled=("type", "path"), harmless=("idx", "name"), fixed={"kwargs": []})
        full, path = typed(where, module, "type", str), typed(where, module, "path", str)
        if not full.startswith(_OURS):
            raise UnsupportedModel(
                where,
                f"type {full!r} is not a class of sentence-transformers",
                hint="use a model whose folder brings no code of its own",
            )
        if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
            raise DamagedModel(where, f"path {path!r} leads out of the folder", hint="correct the file")
        found.append((full.rpartition(".")[2], path.rstrip("/")))
    return found


def _pooling(folder: ModelFolder, path: str, hidden_size: int) -> str:
    name = f"{path}/config.json"
    where = folder.path / name
    try:
        is_there = where.exists()
    except OSError as error:  # a name that is too long
        what = f"path {path[:40]!r} cannot be read ({error.strerror})"
        raise DamagedModel(folder.path / "modules.json", what, hint="correct the file") from error
    if not is_there:  # conversions by mlx-embeddings leave it out
        raise DamagedModel(
            where,
            "no such file, so nothing says how to pool, and it is never guessed",
            hint=f"copy {path} from the model that this one was made from",
        )
    declared = folder.mapping(name)
    account(
        where,
        declared,
        handled={*_FLAGS, *_WIDTHS, "pooling_mode"},
        harmless=(),
        fixed={"include_prompt": True},
    )
    for key in [key for key in _WIDTHS if key in declared] or _WIDTHS[:1]:
        if (width := typed(where, declared, key, int)) != hidden_size:
            raise UnsupportedModel(
                where,
                f"{key} {width} is not config.json's hidden_size {hidden_size}",
                hint="correct the one that is wrong",
            )
    modes = _modes(where, declared)
    if len(modes) != 1:
        raise UnsupportedModel(
            where, f"exactly one pooling must be on, got {modes or 'none'}", hint="correct the file"
        )
    if not (pooling := _POOLINGS.get(modes[0])):
        known = ", ".join(mode for mode, own in _POOLINGS.items() if own)
        raise UnsupportedModel(
            where,
            f"the pooling must be one of {known}, got {modes[0]!r}",
            hint="use another model, or judge a library that computes it (docs/subjects.md)",
        )
    return pooling


def _modes(where: object, declared: dict[str, Any]) -> list[str]:
    """Return the kinds of pooling that are on, in the words of ``pooling_mode``."""
    flags = {flag: typed(where, declared, flag, bool) for flag in _FLAGS if flag in declared}
    by_flags = [_FLAGS[flag] for flag, on in flags.items() if on]
    if "pooling_mode" not in declared:
        return by_flags
    word = declared["pooling_mode"]
    modes = word if isinstance(word, list) else [word]
    if not all(isinstance(mode, str) for mode in modes):
        raise DamagedModel(where, f"pooling_mode must be a word, got {word!r}", hint="correct the file")
    if flags and sorted(by_flags) != sorted(modes):
        raise DamagedModel(
            where, f"pooling_mode says {modes}, the flags {by_flags}", hint="correct the one that is wrong"
        )
    return modes


def _after(folder: ModelFolder, modules: Sequence[tuple[str, str]], width: int) -> tuple[Module, ...]:
    """Return the modules after pooling, without a Normalize at the end."""
    after: list[Module] = []
    for kind, path in modules:
        if kind == "Dense":
            dense = read_dense(folder, path)
            if dense.in_features != width:
                raise UnsupportedModel(
                    folder.path / path / "config.json",
                    f"in_features {dense.in_features} is not {width}, the width of what comes before",
                    hint="correct the one that is wrong",
                )
            width = dense.out_features
            after.append(dense)
        else:
            name = f"{path}/config.json"
            declared = folder.mapping(name, optional=True)
            account(folder.path / name, declared, handled=(), harmless=(), fixed=VECTOR)
            after.append(Normalize())
    while after and isinstance(after[-1], Normalize):
        after.pop()
    return tuple(after)
