"""Make the goldens of the gate for the tiny encoders of fixtures/families: part of ``make golden``.

They are vectors and hidden states of sentence-transformers in float64, for a slice of the gate's texts. All
families have the same tokenizer. This file imports nothing from ``embeddings``.
"""

import json
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file
from sentence_transformers import SentenceTransformer

from tests.reference.make_decoder_golden import FIXTURES, tokenizer
from tests.reference.make_encoder_golden import ENCODERS
from tests.reference.plain_folder import END, MODULES

EVERY = 9  # one text in so many is used, and all texts that differ only in their last word
HIDDEN = 2  # hidden states are stored of so many texts that differ only in their last word
POSITIONS = 160  # longest text in tokens: longer than each window, and than the buckets of MPNet


def build(folder: Path, name: str) -> None:
    """Write a family's checkpoint as a folder of sentence-transformers."""
    with safe_open(FIXTURES / "families" / f"{name}.safetensors", "numpy") as file:
        config = json.loads(file.metadata()["config.json"])
        weights = {
            key.removeprefix("weights."): file.get_tensor(key).astype(np.float32)
            for key in file.keys()  # noqa: SIM118  (not a dict)
            if key.startswith("weights.")
        }
    (folder / "1_Pooling").mkdir(parents=True)
    pooling = {"word_embedding_dimension": config["hidden_size"], "pooling_mode_mean_tokens": True}
    for path, content in {
        "config.json": config,
        "modules.json": MODULES,
        "1_Pooling/config.json": pooling,
        "tokenizer_config.json": {
            "model_max_length": POSITIONS,
            "eos_token": END,
            "pad_token": END,
            "tokenizer_class": "PreTrainedTokenizerFast",
        },
    }.items():
        (folder / path).write_text(json.dumps(content))
    tokenizer().save(str(folder / "tokenizer.json"))
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def main() -> None:
    """Write fixtures/families/gate.safetensors."""
    rows = [json.loads(line) for line in (FIXTURES / "texts.jsonl").read_text().splitlines()]
    chosen = [number for number, row in enumerate(rows) if number % EVERY == 0 or row["kind"] == "prefix"]
    texts = [rows[number]["text"] for number in chosen]
    golden = {"rows": np.array(chosen, dtype=np.int32)}
    for name in ENCODERS:
        with TemporaryDirectory() as scratch:
            build(Path(scratch) / "model", name)
            model = SentenceTransformer(str(Path(scratch) / "model"), device="cpu").double().eval()
        ids = [model.tokenizer(text, truncation=True, max_length=POSITIONS)["input_ids"] for text in texts]
        golden["lengths"] = np.array([len(row) for row in ids], dtype=np.int32)
        golden["token_ids"] = np.concatenate(ids).astype(np.int16)
        golden["dropped"] = np.array(
            [len(model.tokenizer(text, verbose=False)["input_ids"]) for text in texts], np.int32
        )
        golden["dropped"] -= golden["lengths"]
        golden[f"{name}.vectors"] = np.concatenate(
            [model.encode([text], show_progress_bar=False) for text in texts]
        ).astype(np.float32)
        hidden = [row for row, number in enumerate(chosen) if rows[number]["kind"] == "prefix"][:HIDDEN]
        golden["hidden_rows"] = np.array(hidden, dtype=np.int64)
        states = [
            model.encode([texts[number]], output_value="token_embeddings", show_progress_bar=False)[0]
            for number in hidden
        ]
        golden[f"{name}.hidden_states"] = np.concatenate([of.numpy() for of in states]).astype(np.float32)
    made_by = {
        package: metadata.version(package) for package in ("sentence-transformers", "transformers", "torch")
    }
    path = FIXTURES / "families" / "gate.safetensors"
    save_file(golden, path, metadata={**made_by, "precision": "float64"})
    print(f"{path.name}: {path.stat().st_size} bytes, {len(texts)} texts, {made_by}")


if __name__ == "__main__":
    main()
