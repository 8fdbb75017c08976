"""What the gate judges: a model, the texts that it gets, and what is known about them."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from embedding_gate.data.checkpoint import read_config
from embedding_gate.data.goldens import Golden, Texts
from embedding_gate.data.labelled import Pairs, Topics
from embedding_gate.data.retrieval import Retrieval
from embedding_gate.data.sets import Sets
from embedding_gate.errors import InputError
from embedding_gate.roofline import ENCODERS
from embedding_gate.subjects.effort import Effort
from embedding_gate.subjects.embedded import Baseline, Embedded, L, embed, over_folder
from embedding_gate.subjects.lengths import text_of
from embedding_gate.subjects.offers import LIBRARY
from embedding_gate.subjects.probe import Probe
from embedding_gate.subjects.protocols import Encoder, Tokenizer
from embedding_gate.subjects.recorder import Recorder, watched

__all__ = ["LONGEST", "Subject"]

LONGEST = 512  # tokens of the gate's texts: a model with a higher limit is judged at this limit
BOTH_WAYS = frozenset({"reference-2025"})  # recipes that give a decoder bidirectional attention
HINTS = {"batch_tokens": "batch", "show_progress_bar": "progress bar"}  # options that change no vector


def _none(*_: object) -> Any:
    raise LookupError("the check asks for what the subject does not offer, and does not say that it needs it")


@dataclass
class Subject:
    """One model under judgement.

    name: the model whose thresholds apply. The judge decides it from what the user named and from the hashes
        of the files. A library that names itself could choose its own thresholds.
    source: where it comes from: a name of the catalog, or a folder's resolved path.
    golden: results of the reference implementation on ``texts``, or None.
    baseline: the model that it must not be worse than, or None.
    refusal: the error that it raises to refuse a text or an option.
    folder: the folder of the model's files, or of the model that it claims to be.
    limit: the longest text that it reads, in tokens.
    max_tokens: tokens of the longest text that the checks make.
    offers: what it can be asked (see offers.py). All that follows is called only if it is offered.
    own_tokenizer: the judge's own tokenizer of the model. None: ``encoder`` tells how long texts are.
    encode_elsewhere: encodes texts in a new process.
    open_cache: opens the library's cache over a file, or in memory alone.
    open_changed: opens a model that differs from this one in one weight.
    open_tokenizer: opens the judge's own tokenizer of the folder, at the limit that the model is judged at.
    open_small: opens a model with the same tokenizer, recipe and architecture, and one narrow layer.
    whole: the same model with its own limit of tokens, where ``encoder`` has a lower one.
    peak_memory, close: bytes of memory that a call needs at its peak; ends what the run has opened for it.
    passages: the vectors of the retrieval set's passages in a folder (see data/encoded), or None.
    endpoint: the server as its contract is checked (see endpoint/), or None if it is no server.
    truncation: the warning that it gives for truncated texts; it has ``texts``, ``cut`` and ``dropped``.
    recipe, precision: what was asked for (pooling, prompts, limit); what it computes in, as "float32".
    random: whether its weights are random, so that its vectors have no meaning to judge.
    origin, reindex: the model that it was made from; the comparison with a snapshot or another model.
    claimant: what claims to be the model, as the user named it; "" if it is the model itself.
    notes: more lines for the reader of the table.
    effort: how much the checks do.
    recorder: records what the checks ask of it.
    """

    name: str
    source: str
    encoder: Encoder
    texts: Texts
    golden: Golden | None
    sets: Sets
    baseline: Baseline | None
    refusal: type[Exception]
    folder: Path
    limit: int
    max_tokens: int
    whole: Encoder
    offers: frozenset[str] = LIBRARY
    own_tokenizer: Tokenizer | None = None
    encode_elsewhere: Callable[[list[str]], NDArray[np.float32]] = field(repr=False, default=_none)
    open_cache: Callable[[Path | None], AbstractContextManager[Any]] = field(repr=False, default=_none)
    open_changed: Callable[[], Encoder] = field(repr=False, default=_none)
    open_tokenizer: Callable[[], Tokenizer] = field(repr=False, default=_none)
    open_small: Callable[[], Encoder] = field(repr=False, default=_none)
    peak_memory: Callable[[Callable[[], object]], int] = field(repr=False, default=_none)
    truncation: type[Any] = Warning
    close: Callable[[], object] = field(repr=False, default=lambda: None)
    passages: Any = None
    endpoint: Any = None
    recipe: str = "declared"
    precision: str = "float32"
    random: bool = False
    origin: Any = None
    reindex: Any = None
    claimant: str = ""
    notes: list[str] = field(default_factory=list)
    effort: Effort = field(default_factory=Effort)
    recorder: Recorder = field(default_factory=Recorder, repr=False)
    _alone: dict[str, NDArray[np.float32]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self.encoder, self.whole = (watched(one, self.recorder) for one in (self.encoder, self.whole))

    @cached_property
    def causal(self) -> bool:
        """Whether attention is causal, by config.json and the recipe.

        Raises:
            FixtureError: config.json cannot be read.

        """
        if self.recipe in BOTH_WAYS:
            return False
        return self.config["model_type"] not in ENCODERS

    @property
    def quantized(self) -> bool:
        """Whether matrices are quantized, and so need kernels of their own.

        Raises:
            FixtureError: config.json cannot be read.

        """
        return bool(self.config.get("quantization"))

    @cached_property
    def config(self) -> dict[str, Any]:
        """What config.json says.

        Raises:
            FixtureError: it cannot be read.

        """
        return read_config(self.folder)

    @property
    def tokenizer(self) -> Tokenizer:
        """What tells how long texts are."""
        return self.own_tokenizer or self.encoder

    def encode(self, texts: Sequence[str], **hints: Any) -> NDArray[np.float32]:
        """Encode texts: (N, D). hints: options that change no vector; left out where they are not offered."""
        taken = {name: value for name, value in hints.items() if HINTS[name] in self.offers}
        return self.encoder.encode(texts, **taken)

    @cached_property
    def changed(self) -> Encoder:
        """A model that differs from this one in one weight."""
        return watched(self.open_changed(), self.recorder, "a changed model")

    @cached_property
    def probe(self) -> Probe:
        """What is asked in calls of all shapes: a small model if there is one, else the model itself."""
        if "small model" not in self.offers:
            return Probe(self.encoder, self.offers, self.refusal)
        small = watched(self.open_small(), self.recorder, "a small model")
        return Probe(small, self.offers, self.refusal)

    @cached_property
    def vectors(self) -> NDArray[np.float32]:
        """The vectors (N, D) of all the fixture's texts, encoded in one call."""
        return self.encoder.encode(self.texts.texts)

    @cached_property
    def _vector_of(self) -> dict[str, NDArray[np.float32]]:
        return dict(zip(self.texts.texts, self.vectors, strict=True))

    def vectors_of(self, texts: Sequence[str]) -> list[NDArray[np.float32]]:
        """Return the vectors (D,) of some of the fixture's texts, from the one call for all of them."""
        return [self._vector_of[text] for text in texts]

    @cached_property
    def topics(self) -> Embedded[Topics]:
        """The texts by topic, encoded."""
        return self._embedded(self.sets.topics)

    @cached_property
    def pairs(self) -> Embedded[Pairs]:
        """The graded pairs, encoded."""
        return self._embedded(self.sets.pairs)

    @cached_property
    def retrieval(self) -> Embedded[Retrieval]:
        """The retrieval set, encoded. Where a folder has the vectors of its passages, they stay there."""
        if self.passages is None:
            return self._embedded(self.sets.retrieval)
        return over_folder(self.encoder, self.sets.retrieval, self.passages, self.tokenizer)

    def _embedded(self, labelled: L) -> Embedded[L]:
        def encode() -> list[NDArray[np.float32]]:
            if self.random:
                what = "has random weights, so its vectors have no meaning to judge"
                raise InputError(self.name, what, hint="name a trained model")
            return embed(self.encoder, labelled, self.notes.append, self.tokenizer)

        baseline, why = self.baseline, "--baseline none"
        if baseline and baseline.source == self.source and labelled.sha256 not in baseline.sets:
            baseline, why = None, "the model is the baseline"
        golden = self.golden.sets.get(labelled.sha256) if self.golden else None
        return Embedded(labelled, encode, baseline, why, golden, self.tokenizer.tokenize)

    @cached_property
    def hidden_states(self) -> list[NDArray[np.float32]]:
        """Hidden states (T, D) of the texts numbered ``hidden_rows``."""
        return self.encoder.hidden_states([self.texts.texts[row] for row in self.hidden_rows])

    @cached_property
    def hidden_rows(self) -> list[int]:
        """The numbers of the texts whose hidden states are judged: with goldens, else the prefix pairs."""
        if self.golden is not None:
            return [int(row) for row in self.golden.hidden_rows]
        return [row for row, kind in enumerate(self.texts.kinds) if kind == "prefix"]

    def alone(self, texts: Sequence[str]) -> list[NDArray[np.float32]]:
        """Each text's vector (D,) from a call of its own, so that no other text can change it."""
        for text in texts:
            if text not in self._alone:
                self._alone[text] = self.encoder.encode([text])[0]
        return [self._alone[text] for text in texts]

    def refuses(self, text: str) -> bool:
        """Tell whether a subject without errors of its own refuses this text alone. It may."""
        if "errors" in self.offers:
            return False
        try:
            self.alone([text])
        except self.refusal:
            return True
        return False

    def name_rows(self, rows: ArrayLike) -> str:
        """Name the texts marked in (N,): "word-01, word-07 and 3 more"."""
        marked = [self.texts.ids[row] for row in np.flatnonzero(rows) if row < len(self.texts.ids)]
        return ", ".join(marked[:3]) + (f" and {len(marked) - 3} more" if len(marked) > 3 else "") or "none"

    def text_of(self, tokens: int) -> str:
        """Make a text of exactly this many tokens from the fixture's paragraphs.

        Raises:
            ValueError: the tokenizer gives no such text from any of the first hundred starts.

        """
        return text_of(tokens, self.texts.of_kind("paragraph"), self.tokenizer)
