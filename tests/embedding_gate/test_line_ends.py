"""Files with the line ends of Windows say the same as those with a line feed alone."""

from pathlib import Path

import pytest

from embedding_gate.data.rows import read_rows
from embedding_gate.verdicts.threshold_file import read_own_thresholds

TABLES = {
    "t.jsonl": '{"category": "a", "text": "one"}\n{"category": "b", "text": "two"}\n',
    "t.csv": "category,text\na,one\nb,two\n",
    "t.tsv": "category\ttext\na\tone\nb\ttwo\n",
}


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("folder", ["plain", "with a space"])
def test_tables(tmp_path: Path, name: str, folder: str) -> None:
    file = tmp_path / folder / name
    file.parent.mkdir()
    file.write_bytes(TABLES[name].replace("\n", "\r\n").encode())
    found = [row.values for row in read_rows(file, ["category", "text"])]
    assert found == [{"category": "a", "text": "one"}, {"category": "b", "text": "two"}]


def test_thresholds(tmp_path: Path) -> None:
    line = 'check = "cohesion"\nmodel = "m"\nat_least = 0.1\nmeasured = 0.2\nfixture = "f"\nsource = "s"\n'
    content = f"version = 2\n[[threshold]]\n{line}"
    plain, windows = tmp_path / "plain.toml", tmp_path / "windows.toml"
    plain.write_bytes(content.encode())
    windows.write_bytes(content.replace("\n", "\r\n").encode())
    assert read_own_thresholds(windows) == read_own_thresholds(plain) != []
