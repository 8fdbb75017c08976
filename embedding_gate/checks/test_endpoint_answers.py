"""The answers of a server have the form that its API promises, and the vectors that it says."""

from typing import Any

import numpy as np
import pytest

from embedding_gate.endpoint.endpoint import Answer, Endpoint, same
from embedding_gate.verdicts.gate import Gate

pytestmark = [pytest.mark.quality, pytest.mark.needs("endpoint")]
NOISE = 4  # times: how much more than a repeated request a server of inexact arithmetic may differ
BATCH = 32  # texts: a server may refuse more
EXACT = 1e-6  # largest difference of a component that JSON may make of a float32


def test_base64(endpoint: Endpoint, gate: Gate) -> None:
    """Base64 holds the numbers of the float answer, as little-endian float32; another encoding is refused."""
    if why := endpoint.lacks("base64"):
        return gate.not_applicable(why)
    texts, wrong = list(endpoint.texts[:3]), []
    found = {kind: endpoint.ask(texts, 3, encoding_format=kind) for kind in ("float", "base64")}
    for (kind, answer), expected in zip(found.items(), (list, str), strict=True):
        if answer.vectors is None or answer.reply is None:
            wrong.append(f"{kind}: {answer.short}")
        elif kinds := {type(row) for row in endpoint.client.form.rows(answer.reply.json)} - {expected}:
            wrong.append(f"{kind} asked, but {', '.join(one.__name__ for one in kinds)} came")
    if not wrong:
        wrong += _other_numbers(found["float"], found["base64"], endpoint.ask(texts, 3))
    other = endpoint.ask(texts[:1], 1, encoding_format="nonsense")
    if not other.refused:
        wrong.append(f"encoding 'nonsense': {other.short}")
    return gate.require(len(wrong), evidence="; ".join(wrong) or "3 texts as float and as base64: the same")


def _other_numbers(floats: Answer, packed: Answer, again: Answer) -> list[str]:
    """Name the texts whose numbers differ by more than from one float answer to the next."""
    rows = zip(floats.vectors or [], packed.vectors or [], again.vectors or floats.vectors or [], strict=True)
    return [
        f"text {row}: other numbers"
        for row, (one, other, repeated) in enumerate(rows)
        if not same(one, other, EXACT + NOISE * float(np.abs(one - repeated).max()))
    ]


def test_index(endpoint: Endpoint, gate: Gate) -> None:
    """The indexes of an answer are 0 to N - 1, once each."""
    if why := endpoint.lacks("index"):
        return gate.not_applicable(f"{why}: order says which text")
    counts = (1, 3, min(40, len(endpoint.texts)))
    answers = {count: endpoint.ask(list(endpoint.texts[:count]), count) for count in counts}
    wrong = [
        f"{count} texts: {answer.short}"
        for count, answer in answers.items()
        if answer.vectors is None and not (answer.refused and count > BATCH)
    ]
    return gate.require(len(wrong), evidence="; ".join(wrong) or f"{counts} texts: complete, once each")


def test_answer_order(endpoint: Endpoint, gate: Gate) -> None:
    """Each text of a batch gets its own vector: by index, or by order where the API has no index."""
    texts = list(endpoint.texts[:32])
    answer = endpoint.ask(texts, len(texts))
    wrong = endpoint.strangers(answer.vectors, texts)
    gate.require(
        len(wrong),
        evidence=f"{len(texts)} texts: {answer.short}; with another's vector: {wrong[:5] or 'none'}",
    )


def test_usage(endpoint: Endpoint, gate: Gate) -> None:
    """The tokens of an answer are those that the model read: special ones, but no padding and nothing cut."""
    if why := endpoint.lacks("usage"):
        return gate.not_applicable(why)
    by_length = sorted(endpoint.texts, key=len)
    cases = {
        "a text": by_length[:1],
        "a short and a long text": [by_length[0], by_length[-1]],
        "names of special tokens": ["[SEP] and <|endoftext|> and </s>"],
    }
    if endpoint.over:
        cases["a text over the limit"] = [endpoint.over]
    wrong = [f"{name}: {said}" for name, texts in cases.items() if (said := _miscounted(endpoint, texts))]
    return gate.require(len(wrong), evidence="; ".join(wrong) or f"{len(cases)} requests: counted rightly")


def _miscounted(endpoint: Endpoint, texts: list[str]) -> str:
    answer = endpoint.ask(texts, len(texts))
    if answer.refused:
        return ""
    if answer.vectors is None or answer.reply is None:
        return answer.short
    content: Any = answer.reply.json
    said, expected = endpoint.client.form.tokens(content), sum(map(len, endpoint.tokens(texts)))
    usage = content.get("usage", {})
    total = usage.get("total_tokens", said) if isinstance(usage, dict) else said
    return "" if said == total == expected else f"says {said}, in all {total}; read {expected}"


def test_dimensions(endpoint: Endpoint, gate: Gate) -> None:
    """A shorter vector is the beginning of the whole one at length 1 again. Impossible widths are refused."""
    text = endpoint.texts[0]
    whole = endpoint.alone(text)
    wrong = []
    for width in (max(2, len(whole) // 2), min(8, len(whole) - 1)):
        answer = endpoint.ask([text], 1, dimensions=width)
        expected = whole[:width] / np.linalg.norm(whole[:width])
        if not answer.refused and not (answer.vectors and same(answer.vectors[0], expected)):
            length = f" of length {np.linalg.norm(answer.vectors[0]):.3f}" if answer.vectors else ""
            wrong.append(f"dimensions {width}: {answer.short}{length}")
    for width in (0, -1, len(whole) + 1):
        answer = endpoint.ask([text], 1, dimensions=width)
        unset = endpoint.client.form.documented_unset and width >= 0 and answer.vectors
        if not answer.refused and not (unset and same(unset[0], whole)):
            wrong.append(f"dimensions {width}: {answer.short}")
    gate.require(len(wrong), evidence="; ".join(wrong) or "five widths: cut to length 1, or refused")


def test_token_arrays(endpoint: Endpoint, gate: Gate) -> None:
    """Token ids as input, with or without the special ones, give the text's vector, or are refused."""
    if why := endpoint.lacks("token arrays"):
        return gate.not_applicable(why)
    wrong, came = [], set()
    for text in (endpoint.texts[0], endpoint.texts[-1], "word ☃ word"):
        whole, special = endpoint.tokens([text, ""])
        start = 0
        while start < len(special) and whole[start] == special[start]:
            start += 1
        bare = whole[start : len(whole) - (len(special) - start)]
        answers = [endpoint.ask([ids], 1) for ids in (whole, bare) if ids]
        right = [bool(one.vectors) and not endpoint.strangers(one.vectors, [text]) for one in answers]
        if not any(right) and not all(one.refused for one in answers):
            wrong.append(f"{text[:20]!r}: {answers[0].short}, not the text's vector")
        came.add("the text's vector" if any(right) else "refused")
    for name, ids in {"an id of 2 ** 31": [2**31], "a negative id": [-1], "no id": []}.items():
        answer = endpoint.ask([ids], 1)
        if not answer.refused:
            wrong.append(f"{name}: {answer.short}")
    return gate.require(len(wrong), evidence="; ".join(wrong) or f"ids: {' or '.join(sorted(came))}")


def test_single_string(endpoint: Endpoint, gate: Gate) -> None:
    """A string is a list of one: it gives one vector, the same."""
    texts = endpoint.texts[:3]
    answers = [endpoint.ask(text, 1) for text in texts]
    wrong = [
        f"{text[:20]!r}: {answer.short}"
        for text, answer in zip(texts, answers, strict=True)
        if endpoint.strangers(answer.vectors, [text])
    ]
    gate.require(len(wrong), evidence="; ".join(wrong) or "3 strings: one vector each, as in a list")


def test_answering_model(endpoint: Endpoint, gate: Gate) -> None:
    """The model that an answer names is the one that was asked for."""
    if why := endpoint.lacks("model"):
        return gate.not_applicable(why)
    answer = endpoint.ask(list(endpoint.texts[:1]), 1)
    content = answer.reply.json if answer.reply else None
    named = content.get("model") if isinstance(content, dict) else None
    asked = endpoint.client.model
    return gate.require(
        int(named != asked), evidence=endpoint.client.clean(f"asked for {asked!r}: {named!r} answered")
    )
