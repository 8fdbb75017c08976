"""What the fuzzer found once, and that it finds what it is for."""

import time
from pathlib import Path
from random import Random

import pytest

from embedding_gate.errors import FixtureError
from embedding_gate.own_files import ROOT
from tests.fuzz.changes import changed
from tests.fuzz.reader import Reader
from tests.fuzz.readers import readers
from tests.fuzz.run import Finding, tried

DEEP = b"[" * 100_000
BERT = b'{"model_type": "bert", "vocab_size": 64, "hidden_size": 16, "num_hidden_layers": 2, '
BERT += b'"num_attention_heads": 4, "intermediate_size": 32, "max_position_embeddings": 160, '
BERT += b'"type_vocab_size": 2, "layer_norm_eps": 1e-12, "hidden_act": "gelu"}'
TENSOR = b'{"a":{"dtype":"%s","shape":%s,"data_offsets":%s}}'


def header(kind: bytes, shape: bytes, place: bytes) -> bytes:
    content = TENSOR % (kind, shape, place)
    return len(content).to_bytes(8, "little") + content + bytes(64)


FOUND = [  # reader, content: each ended in a traceback, or did not end
    ("texts", DEEP),
    ("signatures", DEEP),
    ("golden all-MiniLM-L6-v2.json", DEEP),
    ("model config.json", DEEP),
    ("own thresholds", b"a = " + DEEP),
    ("published", b"a = " + DEEP),
    ("devices", b"a = " + DEEP),
    ("model config.json", BERT.replace(b"1e-12", b"1" + b"0" * 400)),
    ("model config.json", BERT.replace(b"160", b"Infinity")),
    ("model config.json", BERT.replace(b'layers": 2', b'layers": 2000000000')),
    (
        "model modules.json",
        b'[{"type": "T.Transformer"}, {"type": "P.Pooling", "path": "%s"}]' % (b"1" * 5000),
    ),
    (
        "model modules.json",
        b'[{"type": "T.Transformer"}, {"type": "P.Pooling", "path": "../model/1_Pooling"}]',
    ),
    ("checkpoint", header(b"F22", b"[16]", b"[0,64]")),
    ("checkpoint", header(b"F32", b"[-1]", b"[0,64]")),
    ("checkpoint", header(b"F32", b"[99999999999999999999]", b"[0,64]")),
    ("checkpoint", header(b"F32", b"[16]", b"[]")),
    ("checkpoint", (1 << 40).to_bytes(8, "little") + b"{}"),
    ("encoded manifest.json", b'{"input": "\xaa"}'),
]


# reader, what its right file has, what stood there instead: each ended in a traceback
TEXTS = b'"6f6afb0ac387af702b1663c3e4cc3b0362cb27e0e1ff6e320a1bf59d91a299f2"'
UNKNOWN = b'"[UNK]": 1,\n      "[CLS]": 2,\n      "[SEP]": 3,\n      "a": 4'
CHANGED = [
    ("record", b'"made"', b'"a": ' + DEEP + b', "made"'),
    ("decoder config.json", b'"rope_theta": 1000000', b'"rope_theta": "/dev/zero"'),
    ("model modules.json", b"1_Pooling", b"1" * 5000),
    ("model tokenizer.json", UNKNOWN, b'"[CLS]": 2'),
    ("golden all-MiniLM-L6-v2.json", TEXTS, b"9223372036854775808"),
    ("golden all-MiniLM-L6-v2.json", b'"sets": {', b'"sets": {"a": null, '),
    ("golden all-MiniLM-L6-v2.json", b'"file": "all-', b'"file": "\\u0000all-'),
    ("golden all-MiniLM-L6-v2.json", b'"file": "all-MiniLM-L6-v2.safetensors"', b'"file": "/dev/zero"'),
    ("model tokenizer.json", b'"[SEP]",\n      3', b'"[SEP]",\n      2147483648'),
    ("reply ollama", b"0.6", b"1" + b"0" * 400),
    ("cache", b"CREATE TABLE vectors", b"CREATE \xffABLE vectors"),
]


@pytest.mark.parametrize(("name", "content"), FOUND, ids=range(len(FOUND)))
def test_what_was_found(name: str, content: bytes) -> None:
    """Each is one line of the project's own now."""
    tried(readers()[name], content)


JSON = (  # readers
    "jsonl",
    "pairs",
    "corpus",
    "beir corpus.jsonl",
    "beir queries.jsonl",
    "signatures",
    "texts",
    "record",
    "history",
    "decoder config.json",
    "model 1_Pooling/config.json",
    "model config.json",
    "model config_sentence_transformers.json",
    "model modules.json",
    "model sentence_bert_config.json",
    "model tokenizer.json",
    "encoded manifest.json",
    "golden all-MiniLM-L6-v2.json",
    "reply http",
    "reply ollama",
)


@pytest.mark.parametrize("name", JSON)
def test_a_deep_value_is_one_line_in_every_reader_of_json(name: str) -> None:
    """It is refused, or skipped: never a RecursionError."""
    reader = readers()[name]
    right = reader.contents[0]
    tried(reader, right.replace(b"{", b'{"a": ' + DEEP + b"]" * len(DEEP) + b", ", 1))
    tried(reader, DEEP)


@pytest.mark.parametrize(("name", "right", "wrong"), CHANGED, ids=range(len(CHANGED)))
def test_what_was_found_in_a_changed_file(name: str, right: bytes, wrong: bytes) -> None:
    reader = readers()[name]
    content = reader.contents[0].replace(right, wrong, 1)
    assert content != reader.contents[0]
    tried(reader, content)


@pytest.mark.parametrize(
    "change",
    [
        '"rope_theta": [1]',
        '"rope_theta": 1e999',
        '"head_dim": {}',
        '"layer_types": 3',
        '"num_hidden_layers": 1000000000',
        '"hidden_size": 1099511627776',
        '"vocab_size": 1099511627776',
    ],
)
def test_a_decoder_of_odd_types(change: str) -> None:
    """mlx-lm checks no type itself."""
    reader = readers()["decoder config.json"]
    name = change.partition(":")[0].encode()
    rest = reader.contents[0].replace(name, b'"_name_or_path"')
    tried(reader, rest.replace(b"{", b"{" + change.encode() + b",", 1))


def several_lines(_: bytes) -> None:
    error = FixtureError("a", "b", hint="c")
    error.args = ("one\ntwo",)
    raise error


def writes_elsewhere(_: bytes) -> None:
    (ROOT / "build").mkdir(exist_ok=True)
    (ROOT / "build" / "written-by-a-test").write_text("a")


def slow(_: bytes) -> None:
    end = time.process_time() + 30
    while time.process_time() < end:
        pass


@pytest.mark.parametrize(
    ("read", "words"),
    [
        (lambda content: content.decode("ascii"), "UnicodeDecodeError"),
        (several_lines, "an error of several lines"),
        (writes_elsewhere, "wrote "),
        (slow, "no end after 4 s"),
    ],
)
def test_the_fuzzer_finds(read: object, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.fuzz.run.SLOW", 0.05 if read is slow else 2.0)
    words = words.replace("4 s", "0.1 s")
    with pytest.raises(Finding, match=words):
        tried(Reader("a", (b"a",), read), b"\xff")  # type: ignore[arg-type]
    Path(ROOT / "build" / "written-by-a-test").unlink(missing_ok=True)


def test_the_same_seed_makes_the_same_files() -> None:
    """And hardly any of them is the one that it began with."""
    one, other = ([changed(draw, (b'{"a": [1, "b"]}', b"a\tb\n")) for _ in range(200)] for draw in draws())
    assert one == other
    assert len(set(one)) > 100


def draws() -> list[Random]:
    return [Random(1), Random(1)]  # noqa: S311
