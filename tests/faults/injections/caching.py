"""Vectors that were computed before."""

from collections.abc import Callable, Sequence

from embeddings import cache, cache_key
from tests.faults.registry import TINY_DECODER, Patch, faults_of

fault = faults_of("caching")


def cache_key_without(*parts: str) -> Callable[[Patch], None]:
    def inject(patch: Patch) -> None:
        right = cache_key.Inputs.digest

        def digest(self: cache_key.Inputs) -> bytes:
            return right(cache_key.Inputs(**vars(self) | dict.fromkeys(parts, "")))

        patch.setattr(cache_key.Inputs, "digest", digest)

    return inject


fault(
    "cache key without the model",
    "out",
    "another model's vectors come out of a shared cache",
    kills=("cached",),
    source="embeddings-benchmark/mteb#5383",
)(cache_key_without("architecture", "weights", "tokenizer"))


@fault(
    "cache key joined ambiguously",
    "out",
    "the parts of a key are written one after the other, with nothing between them",
    kills=("cached",),
    source="laravel/ai#839",
)
def cache_key_joined(patch: Patch) -> None:
    def keys_of(inputs: cache_key.Inputs, texts: Sequence[str]) -> list[bytes]:
        options = (inputs.before, inputs.normalize, inputs.dimensions, inputs.max_tokens)
        return [b"%b%b" % (inputs.weights, "".join(map(str, (*options, text))).encode()) for text in texts]

    patch.setattr(cache, "keys_of", keys_of)


fault(
    "cache key without the prompt",
    "out",
    "a query's vector comes out of the cache for a document",
    kills=("cached",),
    source="braintrustdata/autoevals#211",
    model=TINY_DECODER,
)(cache_key_without("before"))
