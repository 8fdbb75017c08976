"""What a server cannot answer it refuses, by a 4xx with a JSON error: no wrong vector, null, zeros or 5xx."""

from collections.abc import Mapping
from typing import Any

import pytest

from embedding_gate.endpoint.endpoint import Answer, Endpoint, same
from embedding_gate.verdicts.gate import Gate

pytestmark = [pytest.mark.quality, pytest.mark.needs("endpoint")]
LAST_WORD = 1e-6  # how little a vector may change where one word of the longest text is left out
MANY = 2049  # texts: one more than OpenAI documents


def judge(gate: Gate, answers: Mapping[str, Answer], right: Mapping[str, bool]) -> None:
    """Count the requests whose answer is neither right nor a refusal."""
    wrong = [f"{name}: {one.short}" for name, one in answers.items() if not one.refused and not right[name]]
    gate.require(
        len(wrong),
        evidence="; ".join(wrong[:4])
        or "; ".join(f"{name}: {'refused' if one.refused else one.short}" for name, one in answers.items())[
            :200
        ],
    )


def test_empty_input(endpoint: Endpoint, gate: Gate) -> None:
    """No texts, an empty text, or no input: the documented answer, or a refusal."""
    field, form = endpoint.client.form.field, endpoint.client.form
    without = {name: value for name, value in endpoint.body([]).items() if name != field}
    answers = {
        "no texts": endpoint.ask([], 0),
        "no field": endpoint.send(without, 0),
        "null": endpoint.ask(None, 0),
    }
    right = {
        name: one.vectors == [] and (form.documented_empty or name == "no texts")
        for name, one in answers.items()
    }
    string, listed = endpoint.ask("", 1), endpoint.ask([""], 1)
    if form.documented_empty and not string.vectors:
        string = endpoint.ask("", 0)
    whole = endpoint.alone(endpoint.texts[0]).shape
    for name, one in (("an empty text", string), ("a list of an empty text", listed)):
        answers[name] = one
        right[name] = one.vectors == [] if form.documented_empty and not one.vectors else _whole(one, whole)
    if string.vectors and listed.vectors:
        right["an empty text"] &= same(string.vectors[0], listed.vectors[0])
    judge(gate, answers, right)


def _whole(answer: Answer, shape: tuple[int, ...]) -> bool:
    return bool(answer.vectors) and all(vector.shape == shape for vector in answer.vectors or ())


def test_wrong_types(endpoint: Endpoint, gate: Gate) -> None:
    """Input that is no text, and a request that is no JSON object, are refused."""
    inputs: dict[str, Any] = {
        "a number": 7,
        "true": True,
        "an object": {"text": "word"},
        "a number among texts": ["word", 7],
        "null among texts": ["word", None],
        "a list in a list": [["word"]],
        "fractions": [0.5, 1.5],
        "lists three deep": [[[101]]],
    }
    if endpoint.lacks("token arrays"):
        inputs["token ids"] = [[101, 102]]
    answers = {name: endpoint.ask(given, 1) for name, given in inputs.items()}
    for name, body in {"half of a JSON object": b'{"input": ', "a list": b"[]", "not UTF-8": b"\xff"}.items():
        answers[name] = endpoint.send(body, 1)
    judge(gate, answers, dict.fromkeys(answers, False))


def test_lone_surrogate(endpoint: Endpoint, gate: Gate) -> None:
    """Half an emoji is refused, or is read as the replacement character U+FFFD."""
    texts = ("\ud800", "bad \udc00 text")
    answers = {ascii(text): endpoint.ask([text], 1) for text in texts}
    right = {}
    for text, (name, answer) in zip(texts, answers.items(), strict=True):
        replaced = text.replace("\ud800", "\ufffd").replace("\udc00", "\ufffd")
        read = endpoint.ask([replaced], 1).vectors if answer.vectors else None
        right[name] = bool(answer.vectors and read and same(answer.vectors[0], read[0]))
    judge(gate, answers, right)


def test_unknown_model(endpoint: Endpoint, gate: Gate) -> None:
    """A model that the server does not have is refused, and no other one answers."""
    if why := endpoint.lacks("model"):
        return gate.not_applicable(why)
    answer = endpoint.ask(list(endpoint.texts[:1]), 1, model="no-such-model")
    return judge(gate, {"model 'no-such-model'": answer}, {"model 'no-such-model'": False})


def test_overlong_text(endpoint: Endpoint, gate: Gate) -> None:
    """A text over the model's limit is refused, or is cut at the limit."""
    if not endpoint.over:
        return gate.not_applicable(f"the model reads {endpoint.limit} tokens: a longer text takes too long")
    answer = endpoint.ask([endpoint.over], 1)
    right = _whole(answer, endpoint.alone(endpoint.texts[0]).shape)
    if endpoint.exact and answer.vectors:
        shorter = endpoint.alone(endpoint.exact.rpartition(" ")[0])
        right &= not endpoint.strangers(answer.vectors, [endpoint.exact])
        right &= not same(shorter, endpoint.alone(endpoint.exact), LAST_WORD)
    name = f"over {endpoint.limit} tokens{'' if endpoint.exact else ' (the form alone)'}"
    return judge(gate, {name: answer}, {name: right})


def test_overlong_batch(endpoint: Endpoint, gate: Gate) -> None:
    """A batch larger than any server must take is refused, or each text gets its vector."""
    words = [text.split()[0] for text in endpoint.texts if text.split()][:8]
    texts = [words[number % len(words)] for number in range(MANY)]
    answer = endpoint.ask(texts, MANY)
    right = answer.vectors is not None and not endpoint.strangers(answer.vectors, texts)
    judge(gate, {f"{MANY} texts": answer}, {f"{MANY} texts": right})
