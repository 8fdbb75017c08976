"""What --projector writes, in a real TensorBoard: a process of its own, asked over HTTP as its page asks."""

import re
import subprocess
import sys
from collections.abc import Iterator
from urllib.parse import urlencode
from urllib.request import urlopen

import numpy as np
import pytest
from google.protobuf import json_format, text_format
from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

from embedding_gate.data.projector import HEADER, unescape, write_projector

MODEL = "org/model"
VECTORS = np.random.default_rng(0).normal(size=(6, 5)).astype(np.float32)
VECTORS[:, 0] *= np.logspace(-30, 30, 6, dtype=np.float32)
ROWS = [
    ("a-1", "a", "a\ttab"),
    ("a-2", "a", "two\nlines, and \r"),
    ("b-1", "b", "some \"quotes\", 'others', and a back\\slash"),
    ("b-2", "b", "</script><b>bold</b>"),
    ("c-1", "outlier", "\u2028 ß 日本 🙂"),
    ("c-2", "c\td", "plain"),
]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a TensorBoard that has these files, on a free port of this machine."""
    folder = tmp_path_factory.mktemp("projector")
    labels, categories, texts = zip(*ROWS, strict=True)
    *_, config = write_projector(folder, MODEL, VECTORS, labels=labels, categories=categories, texts=texts)
    # The same message, as text: TensorBoard reads that, the page projector.tensorflow.org reads JSON.
    message = json_format.Parse(config.read_text(encoding="utf-8"), ProjectorConfig())
    (folder / "projector_config.pbtxt").write_text(text_format.MessageToString(message), encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "tensorboard.main",
        f"--logdir={folder}",
        "--port=0",
        "--load_fast=false",
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield _announced(process)
        finally:
            process.terminate()


def _announced(process: "subprocess.Popen[str]") -> str:
    """Read on until the process says where it listens."""
    assert process.stderr
    said = []
    for line in process.stderr:
        said.append(line)
        if found := re.search(r"http://[\w.]+:\d+/", line):
            return found.group()
    return pytest.fail("TensorBoard ended: " + "".join(said))


def ask(address: str, what: str, **query: str) -> bytes:
    with urlopen(f"{address}data/plugin/projector/{what}?{urlencode(query)}") as answer:  # noqa: S310  (ours)
        found: bytes = answer.read()
    return found


def test_tensors_come_back(address: str) -> None:
    """To the last bit, in their order."""
    raw = ask(address, "tensor", run=".", name=MODEL)
    np.testing.assert_array_equal(np.frombuffer(raw, np.float32).reshape(VECTORS.shape), VECTORS)


def test_what_is_known_of_them_comes_back(address: str) -> None:
    """A line for each text beneath the header, each field as it was written."""
    header, *lines = ask(address, "metadata", run=".", name=MODEL).decode().rstrip("\n").split("\n")
    assert tuple(header.split("\t")) == HEADER
    assert [tuple(map(unescape, line.split("\t"))) for line in lines] == ROWS


def test_it_is_listed(address: str) -> None:
    info = json_format.Parse(ask(address, "info", run="."), ProjectorConfig())
    assert [(one.tensor_name, list(one.tensor_shape)) for one in info.embeddings] == [(MODEL, [6, 5])]
