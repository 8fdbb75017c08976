"""Opens a folder of encoded passages, for the gate to judge retrieval over it (``--encoded``)."""

from typing import cast

from embedding_gate.data.encoded.manifest import Manifest, read_manifest
from embedding_gate.data.encoded.shards import Shards
from embedding_gate.data.encoded.texts import read_corpus, windows
from embedding_gate.described import identity_of
from embedding_gate.errors import InputError
from embedding_gate.own_files import Options
from embedding_gate.reindex.identity import Identity
from embedding_gate.subjects.embedded import prompt_of
from embedding_gate.subjects.live import Subject
from embeddings.embedder import Embedder

__all__ = ["open_passages"]

SAME = ("weights", "tokenizer", "encoding", "prompts")


def open_passages(subject: Subject, options: Options) -> Shards | None:
    """Return the vectors of the passages of ``options.retrieval`` in the folder ``options.encoded``, or None.

    Raises:
        InputError: the folder is of another model, of other passages, or of another prompt.
        FixtureError: it cannot be read, or its run has not ended.

    """
    if options.encoded is None:
        return None
    manifest, where = read_manifest(options.encoded), f"--encoded={options.encoded}"
    if not manifest.complete:
        raise InputError(where, "the run that writes it has not ended", hint="run the same encode again")
    if others := _differs(subject, manifest):
        what = f"is of a model that differs in {others}"
        raise InputError(where, what, hint="encode the passages with this model")
    wanted = prompt_of(subject.encoder, "document")
    if (found := manifest.options.get("prompt_name")) != wanted:
        hint = f"encode with --prompt-name={wanted}" if wanted else "encode without --prompt-name"
        raise InputError(where, f"has the prompt {found} before each passage, not {wanted}", hint=hint)
    passages = windows(read_corpus(options.retrieval), manifest.shard_texts)
    if [(len(window.texts), window.sha256) for window in passages] != manifest.spans:
        raise InputError(where, f"is not of the passages of {options.retrieval}", hint="encode that folder")
    return Shards(options.encoded, manifest)


def _differs(subject: Subject, manifest: Manifest) -> str:
    """Name what the folder's model and the judged one tell differently, or ""."""
    if subject.claimant:
        return "the subject" if manifest.options.get("subject") != subject.claimant else ""
    encoder = cast("Embedder", subject.whole)
    own = Identity(dimensions=encoder.dimension, **identity_of(encoder, subject.precision)).as_data()
    names = [name for name in SAME if own[name] != manifest.identity.get(name)]
    names += ["dimensions"] if manifest.dimension != encoder.dimension else []
    return ", ".join(names)
