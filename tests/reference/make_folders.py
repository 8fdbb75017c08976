"""Save tiny random models with the installed sentence-transformers and transformers, and their vectors.

    python -m tests.reference.make_folders FOLDER

``make folders`` calls it in the environment of the reference implementations. Each folder is as
``SentenceTransformer.save`` writes it. In a second copy the model and the tokenizer are saved once more by
transformers alone. expected.npz holds the vectors of TEXTS, computed in float64 and one text at a time.
"""

import json
import shutil
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Dense, Normalize, Transformer
from sentence_transformers.sentence_transformer.modules import Pooling
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import AutoConfig, AutoModel, AutoTokenizer, BertTokenizer, PreTrainedTokenizerFast

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
TEXTS = ("word", "A Sentence of a few WORDS.", "né ÜBER 日本 x", "long " * 60, " ")
PROMPTS = {"query": "query: ", "passage": "passage: "}
WIDTH, VOCABULARY = 32, 300
SIZES = {
    "vocab_size": VOCABULARY,
    "hidden_size": WIDTH,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 140,
    "initializer_range": 0.3,  # so that layers, norms and activations matter
    "pad_token_id": 0,
}
DECODER = SIZES | {"num_key_value_heads": 2, "head_dim": 8, "bos_token_id": None, "eos_token_id": 256}
# model_type -> its sizes, kind of pooling
FAMILIES: dict[str, tuple[dict[str, Any], str]] = {
    "bert": (SIZES, "mean"),
    "qwen3": (DECODER, "lasttoken"),
    "llama": (DECODER, "mean"),
    "mistral": (DECODER, "lasttoken"),
    "gemma2": (DECODER | {"query_pre_attn_scalar": 8, "final_logit_softcapping": None}, "mean"),
    "mpnet": (SIZES | {"pad_token_id": 1}, "mean"),
    "xlm-roberta": (SIZES | {"pad_token_id": 1}, "cls"),
    "modernbert": (SIZES | {"local_attention": 8, "global_attn_every_n_layers": 2}, "cls"),
    "gemma3_text": (
        DECODER
        | {
            "layer_types": ["sliding_attention", "full_attention"],
            "query_pre_attn_scalar": 8,
            "sliding_window": 8,
            "use_bidirectional_attention": True,
        },
        "mean",
    ),
    "nomic_bert": (SIZES, "mean"),
}


def word_pieces(folder: Path) -> None:
    """Save a tokenizer of BERT's kind: special tokens, letters, and letters inside a word."""
    letters = [chr(code) for code in range(ord("!"), ord("~") + 1)]
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{one}" for one in letters)]
    numbers = {token: number for number, token in enumerate(vocabulary)}
    made = Tokenizer(models.WordPiece(numbers, unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    folder.mkdir(parents=True)
    made.save(str(folder / "tokenizer.json"))
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    BertTokenizer.from_pretrained(folder).save_pretrained(folder)


def byte_pieces(folder: Path) -> None:
    """Save the tokenizer of the tiny decoder in fixtures/, which has one token for each byte."""
    path = str(FIXTURES / "tiny-qwen3" / "tokenizer.json")
    end = "<|endoftext|>"
    PreTrainedTokenizerFast(tokenizer_file=path, pad_token=end, eos_token=end).save_pretrained(folder)


def base(family: str, folder: Path) -> Transformer:
    """Save a random model with its tokenizer by transformers, and open it in sentence-transformers."""
    torch.manual_seed(1)
    sizes, _ = FAMILIES[family]
    (word_pieces if family == "bert" else byte_pieces)(folder)
    model = AutoModel.from_config(AutoConfig.for_model(family, **sizes))
    # A new norm is 1 and a new bias 0. Without other values it would not show if one were left out.
    for weight in model.parameters():
        if weight.ndim == 1:
            weight.data += 0.2 * torch.randn_like(weight)
    model.save_pretrained(folder)
    opened = Transformer(str(folder))
    opened.max_seq_length = 64
    return opened


def modules_of(family: str) -> list[tuple[str, list[torch.nn.Module]]]:
    """Return name -> modules after the Transformer. The one encoder gets each kind of module."""
    _, mode = FAMILIES[family]
    pooled = [Pooling(WIDTH, mode), Normalize()]
    identity = torch.nn.Identity()
    two_dense = [  # as in EmbeddingGemma
        Pooling(WIDTH, mode),
        Dense(WIDTH, 4 * WIDTH, bias=False, activation_function=identity),
        Dense(4 * WIDTH, WIDTH, bias=False, activation_function=identity),
        Normalize(),
    ]
    if family != "bert":
        return [(family, two_dense if family == "gemma3_text" else pooled)]
    return [
        (family, pooled),
        ("bert-cls", [Pooling(WIDTH, "cls"), Normalize()]),
        ("bert-last", [Pooling(WIDTH, "lasttoken"), Normalize()]),
        ("bert-without-normalize", [Pooling(WIDTH, mode)]),
        ("bert-dense", [Pooling(WIDTH, mode), Dense(WIDTH, 24)]),
        ("bert-two-dense", two_dense),
    ]


def vectors_of(folder: Path) -> dict[str, np.ndarray]:
    """Return the vectors of TEXTS by the folder itself, with each prompt and without, scaled to length 1."""
    model = SentenceTransformer(str(folder), device="cpu").eval().double()
    calls = {"plain": model.encode, "query": model.encode_query, "document": model.encode_document}
    options = {"batch_size": 1, "show_progress_bar": False, "normalize_embeddings": True}
    return {
        name: np.concatenate([encode([text], **options) for text in TEXTS]) for name, encode in calls.items()
    }


def save(family: str, to: Path) -> None:
    """Save all folders of a family, each twice."""
    transformer = base(family, to / f"{family}-base")
    for name, modules in modules_of(family):
        saved, again = to / name, to / f"{name}-by-transformers"
        SentenceTransformer(modules=[transformer, *modules], prompts=PROMPTS).save(str(saved))
        shutil.copytree(saved, again)
        AutoModel.from_pretrained(saved).save_pretrained(again)
        AutoTokenizer.from_pretrained(saved).save_pretrained(again)
        np.savez(to / f"{name}.npz", **vectors_of(saved))
    shutil.rmtree(to / f"{family}-base")


def main() -> None:
    """Save all families into the folder that the command names."""
    to = Path(sys.argv[1])
    shutil.rmtree(to, ignore_errors=True)
    for family in FAMILIES:
        save(family, to)
    versions = {name: metadata.version(name) for name in ("sentence-transformers", "transformers", "torch")}
    (to / "versions.json").write_text(json.dumps({"versions": versions, "texts": TEXTS}), encoding="utf-8")


if __name__ == "__main__":
    main()
