"""Faults of two options together: each alone is right."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from embeddings import embedder
from tests.faults.registry import TINY_DECODER, Patch, faults_of
from tests.faults.seams import Batch, change_batches, replace_encode

fault = faults_of("option pairs")


def without(patch: Patch, *dropped: str, when: Callable[[Sequence[str], dict[str, Any]], object]) -> None:
    """Leave out options in calls that ``when`` selects by their texts and options."""

    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        if when(texts, options):
            options = {name: value for name, value in options.items() if name not in dropped}
        return right(self, texts, **options)

    replace_encode(patch, encode)


def is_raw(options: dict[str, Any]) -> bool:
    """Tell whether vectors keep their own length."""
    return not options.get("normalize_embeddings", True)


@fault(
    "raw vectors not truncated",
    "out",
    "truncate_dim is ignored where normalize_embeddings is off",
    kills=("options together",),
)
def raw_not_truncated(patch: Patch) -> None:
    without(patch, "truncate_dim", when=lambda _, options: is_raw(options))


@fault(
    "truncated vectors always scaled",
    "out",
    "normalize_embeddings is ignored where truncate_dim is given",
    kills=("options together",),
)
def truncated_always_scaled(patch: Patch) -> None:
    without(patch, "normalize_embeddings", when=lambda _, options: options.get("truncate_dim"))


@fault(
    "not rescaled in long calls",
    "out",
    "truncated vectors are not scaled again, in calls of more than 16 texts",
    kills=("options together",),
)
def not_rescaled_in_long_calls(patch: Patch) -> None:
    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        if len(texts) > 16 and (width := options.pop("truncate_dim", None)):
            return right(self, texts, **options)[:, :width]
        return right(self, texts, **options)

    replace_encode(patch, encode)


def prompt_lost(name: str, what: str, when: Callable[[Sequence[str], dict[str, Any]], object]) -> None:
    """Declare a fault in which a prompt is ignored beside another option."""

    @fault(f"prompt lost {name}", "tok", what, kills=("options together",), model=TINY_DECODER)
    def inject(patch: Patch) -> None:
        without(patch, "prompt_name", "prompt", "instruction", when=when)


prompt_lost("with fewer dimensions", "", lambda _, options: options.get("truncate_dim"))
prompt_lost(
    "with a cache", "texts go into the cache bare", lambda _, options: options.get("cache") is not None
)
prompt_lost("with a token budget", "", lambda _, options: options.get("batch_tokens"))
prompt_lost("without normalisation", "", lambda _, options: is_raw(options))
prompt_lost("in long calls", "of more than 100 texts", lambda texts, _: len(texts) > 100)


@fault(
    "prompt and instruction",
    "tok",
    "a query's own task is set before the usual prompt, and does not replace it",
    kills=("task",),
    model=TINY_DECODER,
)
def prompt_and_instruction(patch: Patch) -> None:
    right = embedder.prefix_of  # type: ignore[attr-defined]

    def prefix_of(*arguments: Any, instruction: str | None, **options: Any) -> str:
        usual: str = right(*arguments, instruction=None, **options)
        if instruction is None:
            return usual
        return usual + str(right(*arguments, instruction=instruction, **options))

    patch.setattr(embedder, "prefix_of", prefix_of)


@fault(
    "order lost with a progress bar",
    "out",
    "where progress is shown, batches are written as they are done",
    kills=("options together",),
)
def order_lost_with_a_bar(patch: Patch) -> None:
    shown = [False]

    def late(batches: list[Batch]) -> list[Batch]:
        if not shown[0] or len(batches) < 2:
            return batches
        rows = np.concatenate([numbers for numbers, _ in batches])
        done = [one for _, several in batches[::-1] for one in several]
        return [(rows[place : place + 1], one[None]) for place, one in enumerate(done)]

    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        shown[0] = bool(options.get("show_progress_bar"))
        return right(self, texts, **options)

    change_batches(patch, late)
    replace_encode(patch, encode)


@fault(
    "cached vectors cut, not scaled",
    "out",
    "with a cache whole vectors are kept, and fewer dimensions are cut from them",
    kills=("cached", "cache in any order", "options together"),
)
def cached_vectors_cut(patch: Patch) -> None:
    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        if options.get("cache") is not None and (width := options.pop("truncate_dim", None)):
            return right(self, texts, **options)[:, :width]
        return right(self, texts, **options)

    replace_encode(patch, encode)


@fault(
    "dimensions ignored",
    "out",
    "truncate_dim is accepted, and whole vectors come back",
    kills=("shorter dimensions", "options together"),
    source="vllm-project/vllm-metal#738",
)
def dimensions_ignored(patch: Patch) -> None:
    without(patch, "truncate_dim", when=lambda *_: True)


@fault(
    "dimensions refused",
    "out",
    "truncate_dim is an error, though the model allows it",
    kills=("shorter dimensions",),
    source="QwenLM/Qwen3-Embedding#85",
)
def dimensions_refused(patch: Patch) -> None:
    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        if options.get("truncate_dim") not in (None, self.dimension):
            raise TypeError("this model gives whole vectors alone")
        return right(self, texts, **options)

    replace_encode(patch, encode)


@fault(
    "dimensions rounded to eights",
    "out",
    "a vector is as long as the next multiple of 8 below",
    kills=("shorter dimensions",),
)
def dimensions_rounded(patch: Patch) -> None:
    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        width = options.get("truncate_dim")
        if isinstance(width, int) and 8 < width < self.dimension:
            options["truncate_dim"] = width // 8 * 8
        return right(self, texts, **options)

    replace_encode(patch, encode)
