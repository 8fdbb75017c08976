"""A subject in a process of its own: what it may be, and how it may fail."""

import os
import re
import signal
import subprocess
import sys
import time
import venv
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from embedding_gate.errors import SubjectLost, SubjectMalformed, SubjectRefused
from embedding_gate.own_files import ROOT
from embedding_gate.subjects.process import Process
from tests.support import HANG
from tests.support.subjects import hashed

FOLDER = Path("the/folder")
SIX = ["one", "two", "three", "four", "five", "six"]
opened: list[Process] = []


@pytest.fixture(autouse=True)
def in_the_checkout(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run in the folder where the subjects are found; end them afterwards."""
    monkeypatch.chdir(ROOT)
    yield
    while opened:
        opened.pop().close()


def process(name: str, interpreter: str = sys.executable, timeout: float = HANG) -> Process:
    target = name if ":" in name else f"tests.support.subjects:{name}"
    opened.append(Process(target, interpreter=interpreter, folder=FOLDER, timeout=timeout))
    return opened[-1]


@pytest.mark.parametrize("name", ["hashed", "Chain", "Fast", "made", "tensors", "list_of_tensors", "talks"])
def test_whatever_embeds(name: str) -> None:
    """A function, a class, a factory; lists, arrays, generators, tensors. What they print is no answer."""
    found = process(name).encode(SIX)
    np.testing.assert_array_equal(found, hashed(SIX).astype(np.float32))
    assert found.dtype == np.float32


@pytest.mark.parametrize(
    ("name", "offers", "prompts"),
    [
        ("hashed", set(), set()),
        ("Chain", {"prompts"}, {"query"}),
        ("Fast", {"prompts"}, {"document"}),
        ("Sentences", {"prompts", "truncate_dim"}, {"query"}),
    ],
)
def test_a_subject_offers_what_it_has(name: str, offers: set[str], prompts: set[str]) -> None:
    found = process(name)
    assert found.offers == {"encode", "threads", "new process", *offers}
    assert found.prompts == prompts


@pytest.mark.parametrize(
    ("name", "prompt", "written"),
    [("Chain", "query", "query: "), ("Fast", "document", "passage: "), ("Sentences", "query", "query: ")],
)
def test_prompts_by_name(name: str, prompt: str, written: str) -> None:
    found = process(name).encode(["a", "b"], prompt_name=prompt)
    np.testing.assert_allclose(found, hashed([f"{written}a", f"{written}b"]), rtol=1e-6)


def test_a_class_takes_the_folder_and_scales_when_asked() -> None:
    """Its vectors have the length of the folder's name unless they are scaled."""
    found = process("Sentences").encode(SIX, truncate_dim=3)
    assert found.shape == (6, 3)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-6)


def test_odd_texts_arrive_as_they_are() -> None:
    odd = ["\ud800", "", "\x00", "\u2028\n", "🙂", 7, None]
    np.testing.assert_array_equal(process("hashed").encode(odd), hashed(odd).astype(np.float32))  # type: ignore[arg-type]
    assert process("hashed").encode([]).shape == (0, 0)


def test_one_call_at_a_time_is_in_the_main_thread() -> None:
    """Some libraries hold what they have loaded for the thread that loaded it."""
    found = process("place")
    assert found.encode(["a"])[0, 1] == 1
    assert found.encode(["b"])[0, 1] == 1


def test_calls_at_once_are_served_at_once() -> None:
    """Each of two calls waits for the other in there."""
    found = process("meets")
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda text: found.encode([text]), ("a", "b")))
    np.testing.assert_array_equal(np.concatenate(both), hashed(["a", "b"]).astype(np.float32))


def test_an_error_is_a_refusal_and_one_line() -> None:
    found = process("raises")
    with pytest.raises(SubjectRefused) as raised:
        found.encode(SIX)
    assert str(raised.value) == (
        "python:tests.support.subjects:raises: was asked for 6 texts, the first 'one' and raised "
        "ValueError: too many or too odd; call it by hand with these texts"
    )
    assert found.encode(["a"]).shape == (1, 8)


@pytest.mark.parametrize(
    ("name", "came"),
    [
        ("one_too_few", "5 vectors"),
        ("ragged", "vectors of unequal widths"),
        ("words", "what is no numbers"),
        ("flat", "an array of shape (6,)"),
        ("nothing", "NoneType, and no vectors"),
    ],
)
def test_garbage_is_told(name: str, came: str) -> None:
    with pytest.raises(SubjectMalformed) as raised:
        process(name).encode(SIX)
    assert f"was asked for 6 texts, the first 'one' and gave {came}; return one vector" in str(raised.value)


@pytest.mark.parametrize(
    ("name", "came"),
    [
        ("dies", "ended (exit code 3): it said nothing"),
        ("crashes", "ended (signal SIGABRT): a last word"),
    ],
)
def test_a_subject_that_ends_is_lost(name: str, came: str) -> None:
    found = process(name)
    for _ in range(2):  # the second call does not wait
        with pytest.raises(SubjectLost) as raised:
            found.encode(SIX)
        assert f"was asked for 6 texts, the first 'one' and {came}" in str(raised.value)
        assert "\n" not in str(raised.value)


def test_a_subject_that_hangs_is_ended() -> None:
    found = process("hangs")
    found.timeout = 0.5
    with pytest.raises(
        SubjectLost, match=r"gave no answer in 0.5 s; .* give it more time \(--subject-timeout\)"
    ):
        found.encode(SIX)
    found.timeout = HANG
    with pytest.raises(SubjectLost, match=r"ended \(signal SIGKILL\)"):
        found.encode(["a"])


def test_a_request_that_nobody_reads_does_not_block() -> None:
    """The process is stopped, and the request is larger than a pipe holds."""
    found = process("hashed")
    os.kill(found.pid, signal.SIGSTOP)
    found.timeout = 0.5
    with pytest.raises(SubjectLost, match="gave no answer"):
        found.encode(["x" * 10_000_000])


def test_what_a_subject_started_ends_with_it() -> None:
    found = process("starts_another")
    child = int(found.encode(["a"])[0, 0])
    assert runs(child)
    found.close()
    while runs(child):
        time.sleep(0.05)


def runs(process_id: int) -> bool:
    """Tell whether a process runs. One that ended, and that nobody waits for, does not."""
    asked = ["ps", "-o", "stat=", "-p", str(process_id)]
    done = subprocess.run(asked, capture_output=True, check=False)
    return done.stdout.strip()[:1] not in (b"", b"Z")


@pytest.mark.parametrize(
    ("name", "came"),
    [
        ("no.such.module:x", "ModuleNotFoundError: No module named 'no'"),
        ("tests.support.subjects:nobody", "has no attribute 'nobody'"),
        (
            "tests.support.subjects:no_embedder",
            "TypeError: a int is no function of a list of texts, and has none of encode, embed_documents, "
            "embed; write a function of a list of texts that returns their vectors, and name it",
        ),
        ("tests.support.exits:x", "SystemExit: no licence"),
    ],
)
def test_a_subject_that_cannot_be_opened(
    name: str, came: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "exits" in name:
        (tmp_path / "exits.py").write_text("raise SystemExit('no licence')")
        monkeypatch.chdir(tmp_path)
        name = "exits:x"
    with pytest.raises(SubjectLost, match=re.escape(came)) as raised:
        process(name)
    assert str(raised.value).startswith(f"python:{name}: cannot be opened: ")


def test_no_such_python() -> None:
    with pytest.raises(SubjectLost, match=r"--python=no/such: cannot be started .*name a Python"):
        process("hashed", "no/such")


def test_an_environment_that_has_numpy_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There the subject finds neither the gate nor the library, and the judge needs neither there."""
    venv.create(tmp_path / "env", symlinks=True)
    packages = next((tmp_path / "env" / "lib").glob("python*/site-packages"))
    ours = Path(np.__file__).parents[1]
    for name in ("numpy", "numpy.libs"):
        if (ours / name).exists():
            (packages / name).symlink_to(ours / name)
    (tmp_path / "mine.py").write_text(
        "import importlib.util as found, numpy as np\n"
        "assert not any(map(found.find_spec, ('embedding_gate', 'embeddings', 'mlx', 'process', 'served')))\n"
        "def embed(texts):\n"
        "    return np.ones((len(texts), 2))\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    python = str(tmp_path / "env" / "bin" / "python")
    np.testing.assert_array_equal(process("mine:embed", python).encode(["a"]), [[1, 1]])
