"""Tokens, prompts and pooling are those that the model's folder declares. No goldens are needed.

The judge reads the folder itself, with a tokenizer of its own. The recipe of a run may ask for something else
than the folder declares. Then these checks do not apply.
"""

from collections.abc import Callable, Mapping

import numpy as np
import pytest
from numpy.typing import NDArray

from embedding_gate.data.declared import listed_modules, read_declared, read_json
from embedding_gate.data.declared_changes import declared_pooling
from embedding_gate.metrics.differences import differences
from embedding_gate.own_files import DECLARED
from embedding_gate.subjects.live import Subject
from embedding_gate.verdicts.gate import Gate

pytestmark = pytest.mark.quality
PLAIN = {"Transformer", "Pooling", "Normalize"}  # modules after which a vector is pooled states
POOLINGS: Mapping[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {  # states (T, D) -> (D,)
    "mean of the tokens": lambda states: np.asarray(states.mean(axis=0)),
    "first token": lambda states: states[0],
    "last token": lambda states: states[-1],
}
OTHER_RECIPE = "the recipe was asked for, and is not the one that the folder declares"


def sample(subject: Subject) -> list[str]:
    """Pick short texts of many kinds."""
    kinds = ("word", "sentence", "script", "format", "hostile")
    return [text for kind in kinds for text in subject.texts.of_kind(kind)[:3]]


def default_prompt(subject: Subject) -> str | None:
    """Return the name of the prompt that the folder sets before a text for which none is named."""
    return read_json(subject.folder / "config_sentence_transformers.json").get("default_prompt_name")


@pytest.mark.needs("tokens")
def test_declared_tokens(subject: Subject, gate: Gate) -> None:
    """Every text has the token ids that the judge's own tokenizer gives, from the folder's tokenizer.json."""
    if subject.recipe != DECLARED:
        return gate.not_applicable(OTHER_RECIPE)
    texts = subject.texts.texts
    found = subject.encoder.tokenize(texts)
    expected = subject.open_tokenizer().tokenize(texts, prompt_name=default_prompt(subject))
    differ = differences(found.ids, expected.ids) != 0
    differ |= found.dropped != expected.dropped
    differ |= subject.encoder.count_tokens(texts) != [len(ids) for ids in expected.ids]
    return gate.require(differ.sum(), evidence=f"texts: {subject.name_rows(differ)}")


@pytest.mark.needs("prompts")
def test_declared_prompts(subject: Subject, gate: Gate) -> None:
    """A text with the name of a prompt has the vector of a text with the folder's prompt written out."""
    if subject.recipe != DECLARED:
        return gate.not_applicable(OTHER_RECIPE)
    if not (prompts := read_declared(subject.folder).prompts):
        return gate.not_applicable("the folder declares no prompts")
    if default_prompt(subject) is not None:
        return gate.not_applicable("a prompt is set before every text, so none can be written out instead")
    worst = dict.fromkeys(prompts, np.inf)
    for name in prompts.keys() & set(subject.encoder.prompts):
        worst[name] = _difference(subject, name, prompts[name])
    name = max(worst, key=lambda name: (np.isnan(worst[name]), worst[name]))
    return gate.require(worst[name], evidence=f"prompt {name!r}; infinite where it is not known")


def _difference(subject: Subject, name: str, prompt: str) -> float:
    texts = subject.texts.of_kind("word")[:5]
    found = subject.encoder.encode(texts, prompt_name=name)
    written_out = subject.encoder.encode([prompt + text for text in texts])
    return float(differences(list(found), list(written_out)).max())


@pytest.mark.needs("raw", "hidden states")
def test_pooled_states(subject: Subject, gate: Gate) -> None:
    """A vector is what the folder's pooling makes of the hidden states that the subject itself tells.

    Where the folder declares no pooling, the mean, the first or the last state must fit all texts. The
    difference is divided by the length of the pooled vector.
    """
    if modules := dict(listed_modules(subject.folder)).keys() - PLAIN:
        return gate.not_applicable(f"{', '.join(sorted(modules))} after pooling")
    declared = declared_pooling(subject.folder) if subject.recipe == DECLARED else ""
    if declared and declared not in POOLINGS:
        return gate.not_applicable(f"pools by {declared}")
    texts = [text for text in sample(subject) if not subject.refuses(text)]
    raw = subject.encoder.encode(texts, normalize_embeddings=False).astype(np.float64)
    states = [one.astype(np.float64) for one in subject.encoder.hidden_states(texts)]
    apart = {
        name: _relative(raw, np.stack([pool(one) for one in states]))
        for name, pool in POOLINGS.items()
        if name == (declared or name)
    }
    nearest = min(apart, key=lambda name: (np.isnan(apart[name]), apart[name]))
    return gate.require(apart[nearest], evidence=f"held against the {nearest}")


def _relative(raw: NDArray[np.float64], expected: NDArray[np.float64]) -> float:
    return float((np.abs(raw - expected).max(axis=1) / np.linalg.norm(expected, axis=1)).max())
