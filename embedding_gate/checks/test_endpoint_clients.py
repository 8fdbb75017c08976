"""No text, no client and no connection of a server changes what others get."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Barrier

import pytest

from embedding_gate.endpoint.endpoint import Endpoint
from embedding_gate.errors import EndpointError
from embedding_gate.verdicts.gate import Gate

pytestmark = [pytest.mark.quality, pytest.mark.needs("endpoint")]
BUFFERS = 4_500_000  # bytes: more than Linux and macOS buffer of an answer that is not read
CLIENTS = 32
NOTICED = 0.5  # seconds after which a server knows that a client has gone
MOST = 2048  # texts: as many as OpenAI documents


def probe(endpoint: Endpoint, texts: Sequence[str], when: str) -> list[str]:
    """Ask for texts again, and say which did not get the same vectors as before."""
    answer = endpoint.ask(list(texts), len(texts))
    wrong = endpoint.strangers(answer.vectors, texts)
    return [f"{when}: {answer.short}, {len(wrong)} of {len(texts)} wrong"] if wrong else []


def odd_texts(endpoint: Endpoint) -> dict[str, str]:
    """Return texts that servers stumble over."""
    odd = {
        "an empty text": "",
        "blanks": "   ",
        "NUL": "\x00",
        "half an emoji": "bad \ud800 text",
        "the name of a special token": "<|endoftext|>",
    }
    return {**odd, "a text over the limit": endpoint.over} if endpoint.over else odd


def known(endpoint: Endpoint, count: int) -> Sequence[str]:
    """Return texts whose vectors have been asked for, so that later calls are compared with the first."""
    texts = endpoint.texts[:count]
    for text in texts:
        endpoint.alone(text)
    return texts


def test_bad_neighbour(endpoint: Endpoint, gate: Gate) -> None:
    """An odd text in a batch is refused with the batch, or moves no other text's vector."""
    one, other = known(endpoint, 2)
    wrong = []
    for name, odd in odd_texts(endpoint).items():
        answer = endpoint.ask([one, odd, other], 3)
        vectors = answer.vectors[::2] if answer.vectors else None
        if not answer.refused and endpoint.strangers(vectors, [one, other]):
            wrong.append(f"{name} between two texts: {answer.short}")
    gate.require(len(wrong), evidence="; ".join(wrong) or "odd texts between two others: these are right")


def test_after_odd_texts(endpoint: Endpoint, gate: Gate) -> None:
    """After an odd text, other texts get the vectors that they got before."""
    texts, wrong = known(endpoint, 2), []
    for name, odd in odd_texts(endpoint).items():
        endpoint.ask([odd], 1)
        wrong += probe(endpoint, texts, f"after {name}")
    endpoint.send({}, 1)
    wrong += probe(endpoint, texts, "after a request without input")
    gate.require(len(wrong), evidence="; ".join(wrong[:3]) or "two texts after each odd one: as before")


def test_cancelled_request(endpoint: Endpoint, gate: Gate) -> None:
    """Requests that are broken off disturb neither those beside them nor those after them."""
    texts = known(endpoint, 8)
    large = endpoint.body(list(endpoint.texts[:32]))
    endpoint.ask(list(texts), len(texts))
    with ThreadPoolExecutor(8) as pool:
        beside = [pool.submit(probe, endpoint, texts, "beside a cancelled request") for _ in range(4)]
        cancelled = [pool.submit(endpoint.client.abandon, large) for _ in range(4)]
        wrong = [line for found in beside for line in found.result()]
        wrong += [f"cancelling: {found.exception()}" for found in cancelled if found.exception()]
    wrong += probe(endpoint, texts, "after a cancelled request")
    time.sleep(NOTICED)
    wrong += probe(endpoint, texts, "when the server has noticed")
    gate.require(len(wrong), evidence="; ".join(wrong[:3]) or "4 requests beside 4 cancelled ones: right")


def large_input(endpoint: Endpoint) -> list[str]:
    """Return texts whose answer no buffer of a connection holds, or fewer if the server refuses so many."""
    one = endpoint.ask(list(endpoint.texts[:1]), 1)
    size = len(one.reply.text) if one.reply else 1
    count = min(max(32, -(-BUFFERS // size)), MOST)
    short = sorted(known(endpoint, 32), key=len)
    many = [short[number % len(short)] for number in range(count)]
    return short if endpoint.ask(many, count).refused else many


def test_slow_reader(endpoint: Endpoint, gate: Gate) -> None:
    """While a client does not read its answer, others get theirs; then it gets its own."""
    texts, large = known(endpoint, 2), large_input(endpoint)
    try:
        with endpoint.client.unread(endpoint.body(large)) as finish:
            wrong = probe(endpoint, texts, "while a client does not read")
            answer = endpoint.judge(finish(), len(large))
        if endpoint.strangers(answer.vectors, large):
            wrong.append(f"the slow client: {answer.short}")
    except EndpointError as error:
        wrong = [f"the slow client: {error.what}"]
    gate.require(
        len(wrong), evidence="; ".join(wrong) or f"others beside a slow reader of {len(large)}: right"
    )


def test_many_clients(endpoint: Endpoint, gate: Gate) -> None:
    """32 clients at once get what each gets alone."""
    texts = known(endpoint, CLIENTS)
    start = Barrier(CLIENTS)

    def wrong_of(number: int) -> bool:
        mine = [texts[number], texts[(number + 7) % len(texts)]][: 1 + number % 2]
        with closing(endpoint.reopen()) as client:
            start.wait(timeout=60)
            found = [endpoint.ask(mine, len(mine), client=client) for _ in range(2)]
        return any(endpoint.strangers(answer.vectors, mine) for answer in found)

    with ThreadPoolExecutor(CLIENTS) as pool:
        wrong = [number for number, bad in enumerate(pool.map(wrong_of, range(CLIENTS))) if bad]
    gate.require(
        len(wrong), evidence=f"of {CLIENTS} clients with two requests each, wrong: {wrong[:5] or 'none'}"
    )


def test_reconnected(endpoint: Endpoint, gate: Gate) -> None:
    """A new connection gives the same vectors."""
    texts = list(known(endpoint, 4))
    with closing(endpoint.reopen()) as client:
        answers = [endpoint.ask(texts, len(texts), client=client)]
        client.close()
        answers.append(endpoint.ask(texts, len(texts), client=client))
    wrong = [
        f"connection {number}: {answer.short}"
        for number, answer in enumerate(answers, start=2)
        if endpoint.strangers(answer.vectors, texts)
    ]
    gate.require(len(wrong), evidence="; ".join(wrong) or "4 texts over two more connections: the same")
