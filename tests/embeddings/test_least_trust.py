"""What a model's folder cannot do: run code, lead out of itself, wait for ever, take memory at will."""

import os
import pickle
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import embeddings
from tests.soak.calls import resident
from tests.support import tiny

GROWS = 256  # MiB; a folder of a few kilobytes takes less, and what it promises is more


class Bomb:
    """A pickle of it makes a folder when it is read."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self._path),)


def test_nothing_in_a_folder_is_run(tmp_path: Path) -> None:
    """Neither modules nor pickles. A config.json that asks for such a module is refused."""
    folder, marker = tiny.build(tmp_path / "tiny"), tmp_path / "it-ran"
    code = f"import os\nos.mkdir({str(marker)!r})\n"
    for name in ("modeling_tiny.py", "__init__.py", "conftest.py", "1_Pooling/__init__.py", "custom_st.py"):
        (folder / name).write_text(code)
    for name in ("pytorch_model.bin", "model.pkl", "training_args.bin"):
        (folder / name).write_bytes(pickle.dumps(Bomb(marker)))
    before = set(sys.modules)
    assert embeddings.load(folder).encode(["a"]).shape == (1, 16)
    assert not marker.exists()
    assert not any(
        str(folder) in str(getattr(sys.modules[name], "__file__", "")) for name in {*sys.modules} - before
    )
    tiny.edit_json(folder / "config.json", auto_map={"AutoModel": "modeling_tiny.Tiny"})
    with pytest.raises(embeddings.UnsupportedModel, match="auto_map"):
        embeddings.load(folder)
    assert not marker.exists()


def a_length_of_terabytes(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes((1 << 43).to_bytes(8, "little") + b"{}")


def a_shape_of_terabytes(folder: Path) -> None:
    tensor = b'{"dtype":"F32","shape":[1099511627776],"data_offsets":[0,4398046511104]}'
    header = b'{"embeddings.word_embeddings.weight":%s}' % tensor
    (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)


def a_thousand_million_layers(folder: Path) -> None:
    tiny.edit_json(folder / "config.json", num_hidden_layers=10**9)


def a_vocabulary_of_terabytes(folder: Path) -> None:
    tiny.edit_json(folder / "config.json", vocab_size=1 << 40)


def a_device(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer.json").symlink_to("/dev/zero")


def a_pipe(folder: Path) -> None:
    (folder / "config.json").unlink()
    os.mkfifo(folder / "config.json")


def a_way_out(folder: Path) -> None:
    outside = folder.parent / "outside"
    (folder / "1_Pooling").rename(outside)
    modules = [{"type": "T.Transformer", "path": ""}, {"type": "T.Pooling", "path": "../outside"}]
    tiny.write_json(folder / "modules.json", modules)


def a_way_to_a_place(folder: Path) -> None:
    modules = [
        {"type": "T.Transformer", "path": ""},
        {"type": "T.Pooling", "path": str(folder / "1_Pooling")},
    ]
    tiny.write_json(folder / "modules.json", modules)


def weights_elsewhere(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder.parent / "model.safetensors")
    index = {"weight_map": {"embeddings.LayerNorm.bias": "../model.safetensors"}}
    tiny.write_json(folder / "model.safetensors.index.json", index)


HARMS = [
    a_length_of_terabytes, a_shape_of_terabytes, a_thousand_million_layers, a_vocabulary_of_terabytes,
    a_device, a_pipe, a_way_out, a_way_to_a_place, weights_elsewhere,
]  # fmt: skip


@pytest.mark.parametrize("harm", HARMS, ids=lambda harm: harm.__name__)
def test_a_folder_is_refused(harm: Callable[[Path], None], tmp_path: Path) -> None:
    """In one line, at once, and without memory."""
    folder = tiny.build(tmp_path / "tiny")
    harm(folder)
    before = resident()
    with pytest.raises(embeddings.EmbeddingsError) as caught:
        embeddings.load(folder)
    assert "\n" not in str(caught.value)
    assert resident() - before < GROWS
