"""What the layers of ModernBERT and Gemma 3 read."""

from collections.abc import Callable
from typing import Any

from embeddings.backend import mx
from embeddings.models import local_attention, modernbert
from embeddings.models.local_attention import FULL, LOCAL
from tests.faults.families.declare import GEMMA, MODERN, fault, harmless
from tests.faults.registry import Patch


def _change_masks(patch: Patch, change: Callable[[dict[str, mx.array]], dict[str, mx.array]]) -> None:
    right = local_attention.LocalEncoder.masks
    patch.setattr(local_attention.LocalEncoder, "masks", lambda self, *sizes: change(right(self, *sizes)))


def _windows(patch: Patch, near: Callable[[mx.array, int], mx.array]) -> None:
    """Decide by key minus query (T, T), and by the declared width, what a local layer reads."""
    right = local_attention.LocalEncoder.masks

    def masks(self: Any, longest: int, lengths: mx.array) -> dict[str, mx.array]:
        steps, whole = mx.arange(longest), right(self, longest, lengths)
        window = near(steps[None, :] - steps[:, None], getattr(self.config, self.config.window))
        own = steps[:, None] == steps[None, :]
        return {FULL: whole[FULL], LOCAL: (window & whole[FULL]) | own}

    patch.setattr(local_attention.LocalEncoder, "masks", masks)


for _family, _source in ((MODERN, "sgl-project/sglang#33603"), (GEMMA, "sgl-project/sglang#39298")):

    @fault(_family, "local attention nowhere", _source)
    def local_nowhere(patch: Patch) -> None:
        _change_masks(patch, lambda masks: {FULL: masks[FULL], LOCAL: masks[FULL]})

    @fault(_family, "local attention everywhere")
    def local_everywhere(patch: Patch) -> None:
        _change_masks(patch, lambda masks: {FULL: masks[LOCAL], LOCAL: masks[LOCAL]})

    @fault(_family, "one theta for all layers", "keras-team/keras-hub#2518")
    def one_theta(patch: Patch) -> None:
        right = local_attention.LocalEncoder.theta
        patch.setattr(local_attention.LocalEncoder, "theta", lambda self, _: right(self, FULL))

    @harmless(_family, "window as numbers")
    def window_as_numbers(patch: Patch) -> None:
        _change_masks(patch, lambda masks: {kind: mx.where(mask, 0.0, -1e9) for kind, mask in masks.items()})

    @harmless(_family, "padding reads itself only")
    def padding_reads_itself(patch: Patch) -> None:
        _windows(patch, lambda step, width: mx.abs(step) <= width // 2)


@fault(MODERN, "window twice as wide", "keras-team/keras-hub#2518")
def wide_window(patch: Patch) -> None:
    _windows(patch, lambda step, width: mx.abs(step) <= width)


@fault(MODERN, "window without its last token", "vllm-project/vllm#44040")
def short_window(patch: Patch) -> None:
    _windows(patch, lambda step, width: mx.abs(step) < width // 2)


@fault(MODERN, "padding reads nothing", "jundot/omlx#3507", ("finite", "generated mixtures"))
def padding_reads_nothing(patch: Patch) -> None:
    right = local_attention.LocalEncoder.masks

    def masks(self: Any, longest: int, lengths: mx.array) -> dict[str, mx.array]:
        found = right(self, longest, lengths)
        return {FULL: found[FULL], LOCAL: found[LOCAL] & found[FULL]}

    patch.setattr(local_attention.LocalEncoder, "masks", masks)


@fault(MODERN, "full layers counted from the end of each group")
def other_full_layers(patch: Patch) -> None:
    patch.setattr(modernbert.ModernBertConfig, "first_full", -1)


@fault(GEMMA, "causal attention", "huggingface/sentence-transformers#3725")
def causal_gemma(patch: Patch) -> None:
    right = local_attention.LocalEncoder.masks

    def masks(self: Any, longest: int, lengths: mx.array) -> dict[str, mx.array]:
        past = mx.tri(longest, dtype=mx.bool_)
        return {kind: mask & past for kind, mask in right(self, longest, lengths).items()}

    patch.setattr(local_attention.LocalEncoder, "masks", masks)


@fault(GEMMA, "window uneven", "huggingface/transformers#40700")
def uneven_window(patch: Patch) -> None:
    _windows(patch, lambda step, width: (step > -width) & (step <= width // 2))


@fault(GEMMA, "window halved twice")
def halved_twice(patch: Patch) -> None:
    _windows(patch, lambda step, width: mx.abs(step) <= (width // 2 + 1) // 2)
