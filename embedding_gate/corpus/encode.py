"""Encodes a corpus into a folder, one window of texts at a time. What is whole there is kept."""

import fcntl
import os
import sys
import time
from collections.abc import Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from embedding_gate.corpus.model import Model
from embedding_gate.corpus.ranks import Ranks
from embedding_gate.data.encoded.manifest import (
    MANIFEST,
    PART,
    Manifest,
    Shard,
    read_manifest,
    write_manifest,
)
from embedding_gate.data.encoded.shards import (
    file_sha256,
    name_of,
    part_of,
    read_label,
    read_shard,
    write_shard,
)
from embedding_gate.data.encoded.texts import Window, read_corpus, windows
from embedding_gate.errors import FixtureError, InputError

__all__ = ["Done", "encode_corpus", "missing_shards", "scan"]

LOCK = ".lock"


@dataclass(frozen=True)
class Done:
    """What a run did. tokens: of the shards that its processes made. seconds: that encoding took."""

    manifest: Manifest
    tokens: int
    seconds: float


def encode_corpus(
    corpus: Path, folder: Path, model: Model, ranks: Ranks, *, dtype: str, shard_texts: int
) -> Done:
    """Encode the texts of a corpus, or what a run before has left of them.

    folder: is made. It has the manifest and the shards.

    Raises:
        FixtureError: the corpus cannot be read, or it changes while the run goes on.
        InputError: the folder holds something else, or cannot be written, or another run writes it.

    """
    shards = scan(corpus, shard_texts)
    told = (model.opened, model.identity, model.options, model.dimension)
    wanted = Manifest(str(corpus.resolve()), *told, dtype, shard_texts, shards)
    with _held(folder, ranks):
        ranks.agree("the model", (wanted.identity, wanted.options))
        ranks.agree("the texts and the shards", wanted.plan)
        if ranks.first:
            _begin(folder, wanted)
        ranks.agree("that the folder is ready", "")
        left = missing_shards(folder, wanted)
        ranks.agree("the shards that are missing", left)
        mine = ranks.share([shard.characters for shard in wanted.shards], left)
        start = time.monotonic()
        texts, tokens = _encode(corpus, folder, model, wanted, mine, show=ranks.first)
        tokens = ranks.count(texts, tokens, expected=sum(shards[number].count for number in left))
        seconds = time.monotonic() - start
        if ranks.first:
            _finish(folder, wanted)
    return Done(wanted, tokens, seconds)


def scan(corpus: Path, shard_texts: int) -> list[Shard]:
    """Read a corpus once, and return how it is cut into shards."""
    shards = []
    with _bar(None, "reading the texts", " texts") as bar:
        for window in windows(read_corpus(corpus), shard_texts):
            shards.append(Shard(len(window.texts), window.characters, window.sha256))
            bar.update(len(window.texts))
    return shards


def missing_shards(folder: Path, manifest: Manifest) -> list[int]:
    """Return the numbers of the shards that are not there, or are damaged."""
    found = []
    for number in range(len(manifest.shards)):
        try:
            read_shard(folder, manifest, number)
        except FixtureError as error:
            found.append(number)
            if (folder / name_of(number)).exists():
                print(f"made anew: {error}", file=sys.stderr)
    return found


@contextmanager
def _held(folder: Path, ranks: Ranks) -> Iterator[None]:
    """Hold a folder, so that no other run writes it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / LOCK, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o644)
    except OSError as error:
        raise InputError(
            folder, f"cannot be written ({error.strerror})", hint="name another folder"
        ) from error
    try:
        if ranks.first:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise InputError(
            folder, "another run writes it", hint="wait for it, or name another folder"
        ) from error
    finally:
        os.close(handle)


def _begin(folder: Path, wanted: Manifest) -> None:
    """Write the manifest of a new run, or check that the folder is of the same run."""
    if (folder / MANIFEST).exists():
        before = read_manifest(folder)
        if differs := wanted.differs_in(before):
            what = f"holds vectors of another run, which differs in {', '.join(differs)}"
            raise InputError(folder, what, hint="name another folder")
    elif others := sorted(path.name for path in folder.iterdir() if path.name not in (LOCK, PART)):
        raise InputError(folder, f"holds {others[0]} and no {MANIFEST}", hint="name an empty or a new folder")
    for number in range(len(wanted.shards)):
        (folder / part_of(number)).unlink(missing_ok=True)
    write_manifest(folder, wanted)


def _encode(
    corpus: Path, folder: Path, model: Model, manifest: Manifest, mine: Collection[int], *, show: bool
) -> tuple[int, int]:
    """Encode the windows with these numbers; return how many texts and tokens they have.

    One thread reads ahead and counts tokens, and one writes, while the model computes.
    """
    total = sum(manifest.shards[number].characters for number in mine)
    start, texts, tokens = time.monotonic(), 0, 0
    with ThreadPoolExecutor(2) as helpers, _bar(total, "encoding", show=show) as bar:
        ahead = _windows(corpus, model, manifest, mine)
        coming = helpers.submit(next, ahead, None)
        written: Future[None] | None = None
        while found := coming.result():
            window, counted, cut = found
            coming = helpers.submit(next, ahead, None)
            vectors = model.encode(window.texts).astype(manifest.dtype, copy=False)
            if written:
                written.result()
            made = (folder, manifest.plan, window.number, window.ids, vectors)
            written = helpers.submit(write_shard, *made, tokens=counted, cut=cut)
            texts, tokens = texts + len(window.texts), tokens + counted
            speed = tokens / (time.monotonic() - start)
            bar.set_postfix_str(f"{speed:,.0f} tokens/s", refresh=False)
            bar.update(window.characters)
        if written:
            written.result()
    return texts, tokens


def _windows(
    corpus: Path, model: Model, manifest: Manifest, mine: Collection[int]
) -> Iterator[tuple[Window, int, int]]:
    """Yield the windows with these numbers, each with its tokens and the number of its truncated texts."""
    if not mine:
        return
    last = max(mine)
    for window in windows(read_corpus(corpus), manifest.shard_texts):
        if window.number in mine:
            if window.sha256 != manifest.shards[window.number].texts:
                what = f"the texts from number {window.first + 1} on changed during the run"
                raise FixtureError(corpus, what, hint="run it again when the file is whole")
            yield (window, *model.count_tokens(window.texts))
        if window.number >= last:
            return


def _finish(folder: Path, manifest: Manifest) -> None:
    """Write the manifest with the hash of each shard. This ends the run."""
    for number, shard in enumerate(manifest.shards):
        label = read_label(folder, manifest, number)
        shard.tokens, shard.cut = label.tokens, label.cut
        shard.sha256 = file_sha256(folder / name_of(number))
    write_manifest(folder, manifest)


def _bar(total: int | None, what: str, unit: str = " characters", *, show: bool = True) -> "tqdm[Any]":
    """Show progress: how much is done, tokens per second, and the time that is left."""
    slow = 0.5 if sys.stderr.isatty() else 10  # seconds between lines, so that a log stays short
    form = "{desc}: {percentage:3.0f}%{postfix}, {remaining} left" if total is not None else None
    return tqdm(
        total=total, desc=what, unit=unit, bar_format=form, delay=2, mininterval=slow, disable=not show
    )
