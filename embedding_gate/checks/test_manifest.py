"""The files are those that the goldens were made from, and every weight in them is used."""

import numpy as np
import pytest

from embedding_gate.data.checkpoint import read_checkpoint, read_dense, rounded
from embedding_gate.data.model_files import sha256_of
from embedding_gate.subjects.live import Subject
from embedding_gate.verdicts.gate import Gate

pytestmark = pytest.mark.quality


@pytest.mark.needs("weights")
def test_files(subject: Subject, gate: Gate) -> None:
    """The model's files have the hashes of the files that the goldens were made from."""
    if subject.golden is None:
        return gate.not_calibrated("no goldens of this model, so no hashes to compare with")
    other = [
        name
        for name, expected in subject.golden.files.items()
        if sha256_of(subject.folder / name) != expected
    ]
    return gate.require(len(other), evidence=f"other files: {', '.join(other)}")


@pytest.mark.needs("weights")
def test_weights(subject: Subject, gate: Gate) -> None:
    """Each weight of the checkpoint is in memory with the same values, or is listed as unused."""
    checkpoint = read_checkpoint(subject.folder)
    if subject.random and not checkpoint:
        return gate.not_applicable("synthetic weights have no file")
    expected = {name: rounded(tensor, subject.precision) for name, tensor in checkpoint.items()}
    expected |= read_dense(subject.folder)  # in float32, whatever the model computes in
    parameters = subject.encoder.parameters()
    used = expected.keys() - subject.encoder.unused_weights
    wrong = used ^ parameters.keys()
    wrong |= {
        name for name in used & parameters.keys() if not np.array_equal(parameters[name], expected[name])
    }
    return gate.require(len(wrong), evidence=f"not as in the file: {', '.join(sorted(wrong)[:3])}")
