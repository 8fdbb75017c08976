"""Folders as programs write them: another spelling of the same model gives the same vectors."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import embeddings
from tests.support import tiny
from tests.support.overlays import OVERLAYS, Overlay, lay

TEXTS = ["abc", "A Longer Text", "x" * 40]


@pytest.mark.parametrize("name", OVERLAYS)
def test_another_spelling_gives_the_same_vectors(tmp_path: Path, name: str) -> None:
    right = embeddings.load(tiny.build(tmp_path / "right"))
    same = embeddings.load(lay(tiny.build(tmp_path / "same"), OVERLAYS[name]))
    assert same.max_tokens == right.max_tokens == 20
    np.testing.assert_array_equal(same.encode_query(TEXTS), right.encode(TEXTS))


LIMIT = "sentence_bert_config.json"
OF_TOKENIZER = "tokenizer_config.json"
REFUSED: dict[str, tuple[Overlay, str, str]] = {  # name -> overlay, file named, words of the message
    "another direction": ({"config.json": {"directionality": "left"}}, "config.json", "directionality must"),
    "heads are left out": ({"config.json": {"pruned_heads": {"0": [1]}}}, "config.json", "pruned_heads must"),
    "another task": ({LIMIT: {"transformer_task": "fill-mask"}}, LIMIT, "transformer_task must"),
    "another output": (
        {LIMIT: {"modality_config": {"text": {"method": "get_text_features", "method_output_name": None}}}},
        LIMIT,
        "modality_config must read text by",
    ),
    "an unknown setting": ({LIMIT: {"max_length": 20}}, LIMIT, "unknown key 'max_length'"),
    "accents": ({OF_TOKENIZER: {"strip_accents": False}}, OF_TOKENIZER, "strip_accents is False, but"),
    "upper case": ({OF_TOKENIZER: {"do_lower_case": False}}, OF_TOKENIZER, "do_lower_case is False, but"),
    "Chinese": (
        {OF_TOKENIZER: {"tokenize_chinese_chars": False}},
        OF_TOKENIZER,
        "tokenize_chinese_chars is False, but tokenizer.json does True",
    ),
    "an end": (
        {OF_TOKENIZER: {"add_eos_token": True, "eos_token": {"content": "[PAD]"}}},
        OF_TOKENIZER,
        "add_eos_token is True, but tokenizer.json does False",
    ),
    "no special tokens": (
        {OF_TOKENIZER: {"add_special_tokens": False}},
        OF_TOKENIZER,
        "add_special_tokens must",
    ),
    "another model": (
        {"config_sentence_transformers.json": {"model_type": "CrossEncoder"}},
        "config_sentence_transformers.json",
        "model_type must be 'SentenceTransformer'",
    ),
    "an unknown similarity": (
        {"config_sentence_transformers.json": {"similarity_fn_name": "jaccard"}},
        "config_sentence_transformers.json",
        "'jaccard' is not known",
    ),
    "an adapter": ({"adapter_config.json": {"peft_type": "LORA"}}, "adapter_config.json", "merge"),
    "two limits": (
        {"sentence_roberta_config.json": {"max_seq_length": 30}},
        "",
        "sentence_bert_config.json and sentence_roberta_config.json differ",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(tmp_path: Path, name: str) -> None:
    """An unknown word and a contradiction are errors that name the file and the key."""
    overlay, file, words = REFUSED[name]
    folder = lay(tiny.build(tmp_path / "model"), overlay)
    with pytest.raises(embeddings.ModelError) as caught:
        embeddings.load(folder)
    assert str(caught.value).startswith(f"{folder / file}: ")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_old_name_of_the_limit(tmp_path: Path) -> None:
    """Old versions of sentence-transformers named the file after the architecture, and it still counts."""
    folder = tiny.build(tmp_path / "model", max_tokens=7)
    (folder / LIMIT).rename(folder / "sentence_distilbert_config.json")
    assert embeddings.load(folder).max_tokens == 7


@pytest.mark.parametrize("key", ["model_max_length", "max_len"])
def test_the_limit_of_the_tokenizer(tmp_path: Path, key: str) -> None:
    """It counts where no other file has one; transformers 2 called it max_len."""
    folder = lay(tiny.build(tmp_path / "model"), {OF_TOKENIZER: {key: 9}})
    assert embeddings.load(folder).max_tokens == 20
    (folder / LIMIT).unlink()
    assert embeddings.load(folder).max_tokens == 9


def test_tokens_at_the_ends_that_are_there(tmp_path: Path) -> None:
    said = {"add_bos_token": True, "bos_token": "[CLS]", "add_eos_token": True, "eos_token": "[SEP]"}
    folder = lay(tiny.build(tmp_path / "model"), {OF_TOKENIZER: said})
    assert embeddings.load(folder).max_tokens == 20


def test_prompts_of_a_role(tmp_path: Path) -> None:
    """Documents take the first of document, passage and corpus; queries take query; else the default."""
    file = "config_sentence_transformers.json"
    folder = tiny.build(tmp_path / "model")
    for prompts, expected in (
        ({"query": "q ", "corpus": "c ", "passage": "p ", "document": "d "}, "d "),
        ({"query": "q ", "corpus": "c ", "passage": "p "}, "p "),
        ({"query": "q ", "corpus": "c "}, "c "),
        ({"query": "q ", "document": None, "passage": "p "}, ""),
        ({"query": "q "}, ""),
    ):
        tiny.write_json(folder / file, {"prompts": prompts})
        model = embeddings.load(folder)
        np.testing.assert_array_equal(
            model.encode_document(TEXTS), model.encode([expected + text for text in TEXTS])
        )
        np.testing.assert_array_equal(
            model.encode_query(TEXTS), model.encode(["q " + text for text in TEXTS])
        )


def test_two_sets_of_weights(tmp_path: Path) -> None:
    """Shards beside one file: the same numbers are fine, others are named and refused."""
    folder = tiny.build(tmp_path / "model")
    expected = embeddings.load(folder).encode(TEXTS)
    weights = load_file(folder / "model.safetensors")
    shards = {f"model-0000{number}-of-00002.safetensors": list(weights)[number - 1 :: 2] for number in (1, 2)}
    for name, names in shards.items():
        save_file({one: weights[one] for one in names}, folder / name)
    np.testing.assert_array_equal(embeddings.load(folder).encode(TEXTS), expected)
    name, names = next(iter(shards.items()))
    save_file({one: weights[one] * (1 + (one == names[0])) for one in names}, folder / name)
    with pytest.raises(
        embeddings.DamagedModel, match=f"model.safetensors and {name} hold weights that differ"
    ):
        embeddings.load(folder)
    (folder / "model.safetensors").unlink()
    of = {one: name for name, names in shards.items() for one in names}
    tiny.write_json(folder / "model.safetensors.index.json", {"weight_map": of})
    assert not np.array_equal(embeddings.load(folder).encode(TEXTS), expected)
    save_file(weights, folder / (whole := "model-00001-of-00001.safetensors"))
    with pytest.raises(embeddings.DamagedModel, match=f"does not name {whole}"):
        embeddings.load(folder)
