"""Queries and documents get the prompts that the model was trained with."""

import numpy as np
import pytest

from embedding_gate.metrics.differences import differences
from embedding_gate.subjects.live import Subject
from embedding_gate.verdicts.gate import Gate

pytestmark = pytest.mark.quality
INSTRUCTION = "Instruct: {}\nQuery:{}"  # of every model that takes an instruction: the Qwen3-Embedding family


@pytest.mark.needs("prompts")
def test_prompts(subject: Subject, gate: Gate) -> None:
    """With each of the model's prompts, texts have the golden token ids and vectors."""
    if not subject.encoder.prompts and not (subject.golden and subject.golden.prompts):
        return gate.not_applicable("has no prompts")
    if subject.golden is None or not subject.golden.prompts:
        return gate.not_calibrated("no goldens with prompts")
    worst = dict.fromkeys(subject.golden.prompts, np.inf)
    for name in worst.keys() & set(subject.encoder.prompts):
        golden = subject.golden.prompts[name]
        texts = subject.texts.texts[: len(golden.vectors)]
        asked = "tokens" in subject.offers
        ids = subject.encoder.tokenize(texts, prompt_name=name).ids if asked else golden.token_ids
        if not differences(ids, golden.token_ids).any():
            worst[name] = differences(subject.encoder.encode(texts, prompt_name=name), golden.vectors).max()
    name = max(worst, key=lambda name: (np.isnan(worst[name]), worst[name]))
    return gate.require(worst[name], evidence=f"prompt {name!r}; infinite where its token ids differ")


@pytest.mark.needs("instruction", "errors")
def test_task(subject: Subject, gate: Gate) -> None:
    """A query with a custom instruction has the vector of the text that has the instruction written out."""
    encoder, task, texts = subject.encoder, "Find what is sold here", subject.texts.of_kind("word")[:5]
    try:
        found = encoder.encode(texts, prompt_name="query", instruction=task)
    except subject.refusal:
        return gate.not_applicable("takes no task")
    plain = "document" if "document" in encoder.prompts else None
    expected = encoder.encode([INSTRUCTION.format(task, text) for text in texts], prompt_name=plain)
    return gate.require(differences(list(found), list(expected)).max())
