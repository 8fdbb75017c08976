"""The gate kills each fault of a family, and no harmless variant, on the tiny checkpoints of the families."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from safetensors.numpy import load_file

from embedding_gate import adapter, own_files, session
from embedding_gate.data.goldens import Golden
from embedding_gate.verdicts.gate import Gate
from tests.faults.families import FAULTS, UNCHANGED, VARIANTS, FamilyFault
from tests.faults.matrix import LITTLE
from tests.support.families import FAMILY_FILES, build
from tests.support.tiny import edit_json

pytestmark = pytest.mark.faults
LAYERS = (
    "parity",
    "hidden state parity",
    "bidirectional",
    "alone or mixed",
    "permuted",
    "generated mixtures",
    "finite",
)
POSITIONS = 160  # the longest text that the goldens were made with


@cache
def golden_of(family: str) -> tuple[list[int], Golden]:
    """Return the numbers of the gate's texts that have goldens, and the goldens of a family."""
    tensors = load_file(FAMILY_FILES / "gate.safetensors")
    ids = np.split(tensors["token_ids"].astype(np.int32), np.cumsum(tensors["lengths"])[:-1])
    hidden = tensors["hidden_rows"]
    golden = Golden(
        vectors=tensors[f"{family}.vectors"],
        token_ids=ids,
        dropped=tensors["dropped"].astype(np.int64),
        hidden_rows=hidden,
        hidden_states=np.split(
            tensors[f"{family}.hidden_states"], np.cumsum([len(ids[row]) for row in hidden])[:-1]
        ),
        files={},
        random=True,
    )
    return tensors["rows"].tolist(), golden


def judged(fault: FamilyFault, only: Sequence[str] = ()) -> Gate:
    """Return what the gate says of the library with a fault injected. only: the names of the checks."""
    with TemporaryDirectory() as scratch, pytest.MonkeyPatch.context() as patch:
        folder = build(Path(scratch) / fault.family, fault.family, pooling="mean_tokens")
        edit_json(folder / "tokenizer_config.json", model_max_length=POSITIONS)
        fault.inject(patch)
        options = own_files.Options()
        rows, golden = golden_of(fault.family)
        opened = adapter.open_subject(str(folder), options)
        subject = replace(
            opened, texts=own_files.texts().rows(rows), golden=golden, effort=LITTLE, random=True
        )
        gate = session.open_gate(subject, options)
        session.run_gate(subject, gate, only)
        return gate


@pytest.mark.parametrize("broken", FAULTS, ids=lambda one: f"{one.family}: {one.name}")
def test_family_fault_is_killed(broken: FamilyFault) -> None:
    verdicts = judged(broken, broken.killers).verdicts
    survived = set(broken.killers) - {verdict.check for verdict in verdicts if verdict.red}
    assert not survived, f"not killed by {sorted(survived)}; {broken.source}"


@pytest.mark.parametrize("right", VARIANTS, ids=lambda one: f"{one.family}: {one.name}")
def test_harmless_variant_of_a_family_passes(right: FamilyFault) -> None:
    """All checks judge the unchanged library, those of layers the other variants."""
    verdicts = judged(right, () if right.name == UNCHANGED else LAYERS).verdicts
    assert not [str(verdict) for verdict in verdicts if verdict.red]
    measured = {verdict.check for verdict in verdicts if np.isfinite(verdict.measured)}
    assert measured >= set(LAYERS)
