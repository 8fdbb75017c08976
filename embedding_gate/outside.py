"""Opens a subject of which only vectors are seen, with what is known of the model that it claims to be."""

from collections.abc import Callable
from typing import Any, cast

import numpy as np

from embedding_gate.adapter import find, name_of, notes_of, open_baseline, source_of
from embedding_gate.clients import connect
from embedding_gate.data.declared import read_declared
from embedding_gate.data.model_files import notes_on_goldens
from embedding_gate.endpoint import Endpoint, distinct_texts
from embedding_gate.errors import SubjectRefused
from embedding_gate.own_files import Options, golden, sets, texts
from embedding_gate.subjects.black_box import BlackBox, Client
from embedding_gate.subjects.here import Here
from embedding_gate.subjects.live import LONGEST, Subject
from embedding_gate.subjects.protocols import Encoder
from embedding_gate.subjects.server import Server
from embedding_gate.tokenizer import OwnTokenizer

__all__ = ["open_outside"]


def open_outside(model: str, options: Options, embedder: object = None) -> Subject:
    """Open an embedder of this process, or what ``options.subject`` names.

    model: the model that it claims to be. Its goldens, thresholds, tokenizer, limit and prompts bind.

    Raises:
        GateError: it cannot be opened.

    """
    name, source, folder = name_of(model), source_of(model), find(model)
    declared = read_declared(folder)
    tokenizer = OwnTokenizer(folder, declared)

    def client() -> Client:
        return connect(options, name, folder) if embedder is None else Here(embedder)

    asked = client()
    box = BlackBox(asked, declared.prompts, declared.min_dimensions)
    encoder = cast("Encoder", box)  # the checks that need more than it has are not made
    known, baseline = golden(name), open_baseline(options.baseline)
    subject = Subject(
        name=name,
        source=source,
        encoder=encoder,
        texts=texts(),
        golden=known,
        sets=sets(options),
        baseline=baseline,
        refusal=SubjectRefused,
        folder=folder,
        limit=declared.max_tokens,
        max_tokens=min(declared.max_tokens, LONGEST),
        whole=encoder,
        offers=asked.offers,
        own_tokenizer=tokenizer,
        encode_elsewhere=_elsewhere(client),
        close=asked.close,
        endpoint=_endpoint(asked, client, tokenizer, declared.max_tokens),
        precision=options.precision or "float32",
        random=known is not None and known.random,
        claimant=asked.name,
        notes=[
            f"  subject: {asked.name}, which claims to be {source}",
            *notes_on_goldens(known, folder),
            *notes_of(baseline, options),
        ],
    )
    _leave_out(subject)
    return subject


def _endpoint(
    asked: Client, reopen: Callable[[], Client], tokenizer: OwnTokenizer, limit: int
) -> Endpoint | None:
    """Return a server as its contract is checked, or None for another kind of subject."""
    if not isinstance(asked, Server):
        return None
    some = distinct_texts(texts().of_kind("word", "sentence", "script"), tokenizer.tokenize)
    return Endpoint(asked.client, lambda: cast("Server", reopen()).client, tokenizer.tokenize, limit, some)


def _elsewhere(client: Callable[[], Client]) -> Callable[[list[str]], Any]:
    def encode(some: list[str]) -> Any:
        process = client()
        try:
            return process.encode(some)
        finally:
            process.close()

    return encode


def _leave_out(subject: Subject) -> None:
    """Leave out texts that cannot be judged, and say which.

    A text above LONGEST: the subject takes no lower limit, so the goldens, which are cut there, do not hold.
    A hostile text that the subject refuses: it may.
    """
    texts, counts = subject.texts, subject.tokenizer.count_tokens(subject.texts.texts)
    long = (counts > LONGEST) & (subject.limit > LONGEST)
    pairs = zip(texts.kinds, texts.texts, strict=True)
    refused = np.array([kind == "hostile" and subject.refuses(text) for kind, text in pairs])
    too_long = f"for they have more than {LONGEST} tokens"
    for marked, why in ((long, too_long), (refused, "for the subject refused them")):
        if marked.any():
            subject.notes.append(f"  left out, {why}: {subject.name_rows(marked)}")
    if (long | refused).any():
        rows = np.flatnonzero(~(long | refused)).tolist()
        subject.texts = texts.rows(rows)
        subject.golden = subject.golden.rows(rows) if subject.golden else None
