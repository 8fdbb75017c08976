"""Faults of what a server reads: input that is no list of texts, odd texts, too much."""

from typing import Any

import numpy as np
from starlette.responses import PlainTextResponse

from tests.faults.endpoints.registry import OLLAMA, TEI, always, answers, fails_on, fault, reads
from tests.support.server import Refused, Service, Texts, Vectors


def encodable(text: str) -> bool:
    """Tell whether a text is valid Unicode."""
    return text.encode(errors="ignore").decode() == text


def raises(message: str) -> Any:
    """Return a step that fails."""

    def step(*_: Any) -> Any:
        raise RuntimeError(message)

    return step


@fault("a string is a list of letters", "single string", "langchain-ai/langchain-nvidia#8")
def _(service: Service) -> None:
    reads(service, lambda given: list(given) if isinstance(given, str) else given)


@fault("a string alone is refused", "single string", "affandar/PilotSwarm#57")
def _(service: Service) -> None:
    reads(service, lambda given: {} if isinstance(given, str) else given)


@fault(
    "token ids are decoded and tokenized anew", "token arrays", "huggingface/text-embeddings-inference#273"
)
def _(service: Service) -> None:
    service.patch(
        vectors=lambda texts: service.encode(
            [text if isinstance(text, str) else " ".join(map(str, text)) for text in texts]
        )
    )


@fault("token ids are an error of the server", "token arrays", "lmstudio-ai/lmstudio-bug-tracker#692")
def _(service: Service) -> None:
    service.patch(ids=raises("'list' object has no attribute 'replace'"))


@fault("any model is answered by the one that is loaded", "unknown model", "mozilla-ai/llamafile#277")
def _(service: Service) -> None:
    service.patch(check_model=always(None))


@fault("an unknown model is an error of the server", "unknown model", "paiml/aprender#2609", OLLAMA)
def _(service: Service) -> None:
    def check(model: Any) -> None:
        if model != service.model:
            raise RuntimeError("No model available")

    service.patch(check_model=check)


@fault("an empty text is an error of the server", "empty input", "onyx-dot-app/onyx#2455")
def _(service: Service) -> None:
    fails_on(service, lambda text: not text)


@fault("an empty list is an error of the server", "empty input", "sgl-project/sglang#5621", TEI)
def _(service: Service) -> None:
    def change(given: Any) -> Any:
        return given if given else raises("list index out of range")()

    reads(service, change)


@fault("null for an empty text", "empty input", "ollama/ollama#2140")
def _(service: Service) -> None:
    def change(content: Any, texts: Texts) -> Any:
        for item, text in zip(content["data"], texts, strict=True):
            item["embedding"] = item["embedding"] if text else None
        return content

    service.patch(text=lambda text: text)
    answers(service, change)


@fault("zeros in place of an error", "empty input", "elizaOS/eliza#9324")
def _(service: Service) -> None:
    compute = service.vectors
    service.patch(
        text=lambda text: text,
        vectors=lambda texts: compute(texts) * np.array([[bool(text)] for text in texts], dtype=np.float32),
    )


@fault("an empty vector for an empty list", "empty input", "mnemosyne-oss/mnemosyne#797")
def _(service: Service) -> None:
    def change(content: Any, texts: Texts) -> Any:
        return {**content, "data": [{"index": 0, "embedding": []}]} if texts == [""] else content

    service.patch(text=lambda text: text)
    reads(service, lambda given: given or [""])
    answers(service, change)


@fault("what is no text is left out", "wrong types", "majiayu000/litellm-rs#409")
def _(service: Service) -> None:
    def change(given: Any) -> Any:
        texts = [one for one in given if isinstance(one, str)] if isinstance(given, list) else []
        return texts or given

    reads(service, change)


@fault("what is no text is made one", "wrong types", "PublicAffairs/openai-gemini#94", TEI)
def _(service: Service) -> None:
    reads(service, lambda given: list(map(str, given)) if isinstance(given, list) else str(given))


@fault("what is no JSON is an error of the server", "wrong types", "tobi/qmd#619")
def _(service: Service) -> None:
    right = service.error
    service.patch(error=lambda message, status: right(message, 500 if "JSON" in message else status))


@fault("an error is a line of text", "wrong types", "openai-php/client#723")
def _(service: Service) -> None:
    service.patch(error=PlainTextResponse)


@fault("a lone surrogate is an error of the server", "lone surrogate", "vectorize-io/hindsight#1875")
def _(service: Service) -> None:
    fails_on(service, lambda text: not encodable(text))


@fault("a lone surrogate is left out", "lone surrogate", "MemTensor/MemOS#1048")
def _(service: Service) -> None:
    right = service.text
    service.patch(text=lambda text: right(text.encode(errors="ignore").decode() or "empty"))


@fault("an over-long text ends the model", "overlong text", "ollama/ollama#16582", OLLAMA)
def _(service: Service) -> None:
    fails_on(service, lambda text: len(text.split()) > 60)


@fault("cut at half of the limit", "overlong text", "raullenchai/Rapid-MLX#1386")
def _(service: Service) -> None:
    right = service.text
    service.patch(text=lambda text: right(" ".join(text.split()[:24]) or text))


@fault("the vectors of a large batch are cut", "overlong batch", "BaseIntelligence/bounty-challenge#15779")
def _(service: Service) -> None:
    reads(service, lambda given: given[:64] if isinstance(given, list) else given)


@fault("a large batch is an error of the server", "overlong batch", "nantobv/pituitary#205", TEI)
def _(service: Service) -> None:
    right = service.error
    service.patch(error=lambda message, status: right(message, 500 if status == 413 else status))


@fault("an empty text is dropped, and later vectors move up", "bad neighbour", "JSONbored/loopover#5072")
def _(service: Service) -> None:
    def change(given: Any) -> Any:
        return [one for one in given if str(one).strip()] if isinstance(given, list) else given

    reads(service, change)


@fault(
    "the first vector fills a gap, and the rest moves up",
    "bad neighbour",
    "SystemSculpt/obsidian-systemsculpt-ai#279",
)
def _(service: Service) -> None:
    compute = service.vectors

    def vectors(texts: Texts) -> Vectors:
        rows = [row for row, text in enumerate(texts) if str(text).strip()] or [0]
        found = compute(texts)
        return np.concatenate([found[rows], np.repeat(found[rows[:1]], len(texts) - len(rows), axis=0)])

    service.patch(text=lambda text: text if encodable(text) else "?", vectors=vectors)


@fault(
    "one over-long text fails the batch", "bad neighbour", "huggingface/text-embeddings-inference#145", TEI
)
def _(service: Service) -> None:
    def text(given: str) -> str:
        if len(given.split()) > 60:
            raise Refused("inference failed", 500)
        return given or "empty"

    service.patch(text=text)
