"""The doctor finds what no hash shows: the embedded model must encode a text."""

from pathlib import Path

import pytest

from embeddings import doctor
from embeddings.catalog import DEFAULT_MODEL
from embeddings.folder import ModelFolder, find_folder


def test_a_small_file_of_the_embedded_model_is_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only weights, tokenizer and configuration have a known hash."""
    for file in find_folder(DEFAULT_MODEL).path.iterdir():
        (tmp_path / file.name).symlink_to(file)
    (tmp_path / "1_Pooling").unlink()
    (tmp_path / "1_Pooling").mkdir()
    (tmp_path / "1_Pooling" / "config.json").write_text("{}")
    for module in ("embeddings.doctor", "embeddings.loading"):
        monkeypatch.setattr(f"{module}.find_folder", lambda _: ModelFolder(tmp_path, DEFAULT_MODEL))
    said = dict(doctor.examine())[f"model {DEFAULT_MODEL}"]
    assert said.startswith(f"{doctor.UNUSABLE}: {tmp_path / '1_Pooling' / 'config.json'}: ")
