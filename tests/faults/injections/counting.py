"""Harness faults in the token count of a rate. They run on the simulated machine of simulated.py."""

from collections.abc import Callable, Sequence
from functools import partial

from benchmarks.harness.engine import EmbedderEngine
from benchmarks.harness.fresh import FreshTexts
from embeddings.tokens import TokenizedTexts
from tests.faults.registry import TINY_DECODER, Patch, faults_of

fault = partial(faults_of("counting"), model=TINY_DECODER)


def count_by(count: Callable[[TokenizedTexts, Sequence[str]], int]) -> Callable[[Patch], None]:
    def inject(patch: Patch) -> None:
        patch.setattr(EmbedderEngine, "count", lambda self, texts: count(self.tokenize(texts), texts))

    return inject


fault(
    "padding counted",
    "time",
    "texts x tokens of the longest",
    kills=("real tokens",),
    source="AmpereComputingAI/ampere_model_library#271",
)(count_by(lambda tokens, texts: int(tokens.lengths.max()) * len(texts)))
fault(
    "cut-off tokens counted",
    "time",
    "tokens that the model never saw",
    kills=("real tokens",),
    source="raullenchai/Rapid-MLX#1386",
)(count_by(lambda tokens, _: int((tokens.lengths + tokens.dropped).sum())))
fault(
    "characters / 4 as tokens", "time", "a rule of thumb in place of the tokenizer", kills=("real tokens",)
)(count_by(lambda _, texts: sum(map(len, texts)) // 4))
fault("words counted as tokens", "time", "what stands between spaces", kills=("real tokens",))(
    count_by(lambda _, texts: sum(len(text.split()) for text in texts))
)


@fault(
    "texts shorter than they claim",
    "time",
    "the rate is of the tokens that were asked for",
    kills=("recomputed",),
    source="vllm-project/vllm#9592",
)
def shorter_texts(patch: Patch) -> None:
    right = FreshTexts.__call__
    patch.setattr(FreshTexts, "__call__", lambda self, count, tokens: right(self, count, tokens // 2))
