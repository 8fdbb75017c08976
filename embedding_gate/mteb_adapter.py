"""What `mteb <https://github.com/embeddings-benchmark/mteb>`_ 2 asks of an encoder: its EncoderProtocol.

By it mteb evaluates this repository's library, or any subject of ``--subject``. mteb is imported only when
it asks.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedding_gate.adapter import open_subject
from embedding_gate.data.labelled import Part
from embedding_gate.outside import open_outside
from embedding_gate.own_files import Options
from embedding_gate.subjects.embedded import embed_part
from embedding_gate.subjects.protocols import Encoder

__all__ = ["MtebEncoder", "open_encoder"]

Vectors = NDArray[np.float32]


class MtebEncoder:
    """An encoder as mteb asks it.

    name: of the model in mteb's results. mteb wants OWNER/NAME; a name without an owner gets "local".
    """

    def __init__(self, encoder: Encoder, name: str, revision: str | None = None) -> None:
        self._encoder, self._revision = encoder, revision
        self._name = name if "/" in name else f"local/{name}"

    def encode(
        self,
        inputs: Iterable[Mapping[str, Any]],
        *,
        task_metadata: Any,
        hf_split: str,  # noqa: ARG002  (mteb passes it by name)
        hf_subset: str,  # noqa: ARG002
        prompt_type: Any = None,
        **_: Any,
    ) -> Vectors:
        """Return vectors (N, D) of the N texts of all batches.

        inputs: batches with a list "text". prompt_type: "query", "document" or None; it chooses the prompt.
        """
        texts = [text for batch in inputs for text in batch["text"]]
        role = "" if prompt_type is None else str(prompt_type.value)
        return embed_part(self._encoder, Part(task_metadata.name, texts, len(texts), role))

    def similarity(self, embeddings1: Any, embeddings2: Any) -> Any:
        """Return the cosines of (N, D) and (M, D): a tensor (N, M)."""
        from mteb.similarity_functions import cos_sim  # noqa: PLC0415

        return cos_sim(embeddings1, embeddings2)

    def similarity_pairwise(self, embeddings1: Any, embeddings2: Any) -> Any:
        """Return the cosines of the rows of (N, D) and (N, D): a tensor (N,)."""
        from mteb.similarity_functions import pairwise_cos_sim  # noqa: PLC0415

        return pairwise_cos_sim(embeddings1, embeddings2)

    @property
    def mteb_model_meta(self) -> Any:
        """What mteb writes beside results: the name, and nothing that was not measured."""
        from mteb.models.model_meta import ModelMeta  # noqa: PLC0415

        known = {"name": self._name, "revision": self._revision, "embed_dim": self._encoder.dimension}
        return ModelMeta.create_empty({key: value for key, value in known.items() if value is not None})


def open_encoder(model: str, subject: str | None = None, **options: Any) -> MtebEncoder:
    """Open a model of the library, or a subject that claims to be it.

    model, subject: as --model and --subject name them. options: of own_files.Options, as python or timeout.

    Raises:
        GateError, EmbeddingsError: it cannot be opened.

    """
    chosen = Options(subject=subject, baseline=None, **options)
    judged = open_outside(model, chosen) if subject else open_subject(model, chosen)
    return MtebEncoder(judged.whole, judged.name)
