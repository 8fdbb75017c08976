"""The keys of the cache: every input changes the key, and no two inputs are written alike."""

import shutil
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

import embeddings
from embeddings.cache import key
from embeddings.cache.key import Inputs, code_digest, keys_of, unambiguous, weights_digest

SOME = Inputs(
    architecture="bert",
    weights=b"w",
    tokenizer=b"t",
    pooling="mean",
    modules="()",
    causal=True,
    end_token=None,
    max_tokens=20,
    prefix="",
    normalize=True,
    dimensions=16,
    code=b"code",
    arithmetic="cpu",
)


LETTERS = "bsi?0"  # what kinds are written as, so that contents look like the beginning of a field
FIELDS = st.one_of(st.binary(), st.text(), st.text(LETTERS), st.integers(), st.booleans(), st.none())


@given(st.lists(FIELDS), st.lists(FIELDS))
def test_no_two_lists_of_fields_are_written_alike(one: list[object], other: list[object]) -> None:
    same = [(type(field), field) for field in one] == [(type(field), field) for field in other]
    assert (unambiguous(one) == unambiguous(other)) == same  # type: ignore[arg-type]


@given(st.one_of(st.text(), st.text(LETTERS, min_size=3)), st.integers(0), st.integers(1))
@example("asbsc", 1, 3)  # without lengths, (a, bsc) and (asb, c) are written alike: sasbsc
def test_a_boundary_that_moves_changes_the_bytes(text: str, place: int, shift: int) -> None:
    """("ab", "c") and ("a", "bc"), and every other place to cut a text in two."""
    cuts = {
        unambiguous((text[:cut], text[cut:])) for cut in (place % (len(text) + 1), shift % (len(text) + 1))
    }
    assert len(cuts) == len({place % (len(text) + 1), shift % (len(text) + 1)})


@pytest.mark.parametrize("one", [b"True", "True", True])
def test_kinds_of_fields_differ(one: object) -> None:
    assert sum(unambiguous((one,)) == unambiguous((other,)) for other in (b"True", "True", True)) == 1  # type: ignore[arg-type]


def test_a_changed_line_of_any_module_changes_the_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied = tmp_path / "embeddings"
    library = Path(embeddings.__file__).parent
    shutil.copytree(library, copied)
    monkeypatch.setattr(key, "__file__", str(copied / Path(key.__file__).relative_to(library)))
    modules, found = sorted(copied.rglob("*.py")), []
    assert {"embeddings", "cache", "models", "synthetic"} <= {path.parent.name for path in modules}
    for changed in modules:
        found.append(code_digest.__wrapped__())
        with changed.open("a", encoding="utf-8") as file:
            file.write("\n")
    found.append(code_digest.__wrapped__())
    assert len(set(found)) == len(found) == len(modules) + 1


def test_every_input_changes_the_key() -> None:
    changed: dict[str, Any] = {
        "causal": False,
        "end_token": "",
        "max_tokens": 21,
        "normalize": False,
        "dimensions": 15,
        "weights": b"x",
        "tokenizer": b"x",
    }
    keys = {keys_of(SOME, ["text"])[0]}
    for field in fields(Inputs):
        keys.add(keys_of(replace(SOME, **{field.name: changed.get(field.name, "x")}), ["text"])[0])
    assert len(keys) == 1 + len(fields(Inputs))
    assert len(set(keys_of(SOME, ["text", "text ", "", "\0"]))) == 4


def test_weights_are_told_apart_by_name_type_shape_and_value() -> None:
    base = np.arange(6, dtype=np.float32)
    some: list[dict[str, NDArray[Any]]] = [
        {"a": base},
        {"b": base},
        {"a": base.reshape(2, 3)},
        {"a": base.view(np.uint32)},
        {"a": base + 1},
        {"a": base[:3].copy(), "b": base[3:].copy()},
        {},
    ]
    assert len({weights_digest(weights) for weights in some}) == len(some)
