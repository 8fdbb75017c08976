"""The readers of texts and of retrieval sets."""

import shutil
from collections.abc import Callable
from pathlib import Path

from embedding_gate.data.encoded.texts import read_corpus
from embedding_gate.data.labelled import read_pairs, read_topics
from embedding_gate.data.retrieval import read_retrieval
from embedding_gate.own_files import FIXTURES
from tests.fuzz.reader import Reader, reader_of

__all__ = ["readers_of_texts"]


def readers_of_texts(root: Path) -> list[Reader]:
    """Return them."""
    topics, pairs = ((FIXTURES / name).read_bytes()[:3000] for name in ("topics.jsonl", "pairs.jsonl"))
    tsv = b'id\tcategory\ttext\n1\ta\tone \\t two\n2\tb\t"He said ""no"""\n3\ta\tx\\\\y\n'
    table = b'id,category,text\n1,a,"one, two"\n2,b,"three\nfour"\n'
    scored = b"score\tsentence1\tsentence2\n5\ta\tb\n0.5\tc\td\n"
    lists = root / "retrieval"
    shutil.copytree(FIXTURES / "retrieval", lists)

    def retrieval(file: str) -> Callable[[bytes], object]:
        right = (lists / file).read_bytes()

        def read(content: bytes) -> object:
            (lists / file).write_bytes(content)
            try:
                return list(read_retrieval(lists).passages())
            finally:
                (lists / file).write_bytes(right)

        return read

    return [
        reader_of(root, "jsonl", [topics[: topics.rfind(b"\n")]], "a.jsonl", read_topics),
        reader_of(root, "tsv", [tsv, tsv.replace(b"\\", b"")], "a.tsv", read_topics),
        reader_of(root, "csv", [table], "a.csv", read_topics),
        reader_of(root, "pairs", [pairs[: pairs.rfind(b"\n")]], "a.jsonl", read_pairs),
        reader_of(root, "pairs tsv", [scored], "a.tsv", read_pairs),
        reader_of(root, "lines", [b"one\n\ntwo\n"], "a.txt", lambda path: list(read_corpus(path))),
        reader_of(
            root,
            "corpus",
            [b'{"_id": "a", "title": "T", "text": "x"}\n'],
            "a.jsonl",
            lambda path: list(read_corpus(path)),
        ),
        *(
            Reader(f"beir {file}", ((lists / file).read_bytes()[:2000],), retrieval(file))
            for file in ("corpus.jsonl", "queries.jsonl", "qrels/test.tsv")
        ),
    ]
