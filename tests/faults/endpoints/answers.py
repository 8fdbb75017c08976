"""Faults of the form of an answer: encoding, index, order, counts, names, widths."""

import base64
import math
from typing import Any

import numpy as np

from tests.faults.endpoints.registry import OLLAMA, TEI, always, answers, fault
from tests.support.endpoints import FAKE
from tests.support.server import Service, Texts, Vectors


def packed(array: Any) -> str:
    """Return base64 of an array's bytes."""
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


@fault("base64 is ignored", "base64", "lmstudio-ai/lmstudio-bug-tracker#756")
def _(service: Service) -> None:
    service.patch(encoding=always("float"))


@fault("base64 where floats are asked", "base64", "mudler/LocalAI#9135")
def _(service: Service) -> None:
    service.patch(encoding=always("base64"))


@fault("base64 of float64", "base64", "vllm-project/vllm#5935")
def _(service: Service) -> None:
    service.patch(pack=lambda vector: packed(vector.astype("<f8")))


@fault("base64 of bfloat16", "base64", "elastic/elasticsearch#159108")
def _(service: Service) -> None:
    service.patch(pack=lambda vector: packed((vector.view("<u4") >> 16).astype("<u2")))


@fault("base64 in big-endian order", "base64", "langchain4j/langchain4j#5634")
def _(service: Service) -> None:
    service.patch(pack=lambda vector: packed(vector.astype(">f4")))


@fault("an unknown encoding is taken for float", "base64", "sgl-project/sglang#28803")
def _(service: Service) -> None:
    service.patch(encoding=lambda asked: asked if asked == "base64" else "float")


@fault("views of a shared buffer, offset ignored", "base64", "openai/openai-node#1448")
def _(service: Service) -> None:
    first: list[Vectors] = []

    def pack(vector: Vectors) -> str:
        first.append(vector)
        return packed(first[0])

    service.patch(pack=pack)


@fault("index starts anew in each sub-batch", "index", "lfnovo/esperanto#260")
def _(service: Service) -> None:
    def change(content: Any, _: Texts) -> Any:
        for row, item in enumerate(content["data"]):
            item["index"] = row % 32
        return content

    answers(service, change)


@fault("one vector too few", "index", "xberg-io/xberg#1302")
def _(service: Service) -> None:
    def change(content: Any, _: Texts) -> Any:
        content["data"] = content["data"][:-1] or content["data"]
        return content

    answers(service, change)


@fault("sorted by length, and not put back", "answer order", "ollama/ollama#6187")
def _(service: Service) -> None:
    compute = service.vectors
    service.patch(vectors=lambda texts: compute(sorted(texts, key=len)))


@fault("rows in another order, index by position", "answer order", "pydantic/pydantic-ai#7284")
def _(service: Service) -> None:
    compute = service.vectors
    service.patch(vectors=lambda texts: compute(texts)[::-1])


@fault("another order without an index", "answer order", "googleapis/js-genai#1207", OLLAMA)
def _(service: Service) -> None:
    answers(service, lambda content, _: {**content, "embeddings": sorted(content["embeddings"])}, "ollama")


@fault("NaN becomes null under status 200", "answer order", "jundot/omlx#3507")
def _(service: Service) -> None:
    def change(content: Any, texts: Texts) -> Any:
        if len(texts) >= 32:
            content["data"][5]["embedding"] = [None] * len(content["data"][5]["embedding"])
        return content

    answers(service, change)


@fault("every number is null", "answer order", "huggingface/text-embeddings-inference#51", TEI)
def _(service: Service) -> None:
    answers(service, lambda content, _: [[None for _ in row] for row in content], "tei")


@fault("one vector for each token, flattened", "answer order", "ggml-org/llama.cpp#14543")
def _(service: Service) -> None:
    def change(content: Any, texts: Texts) -> Any:
        for item, text in zip(content["data"], texts, strict=True):
            item["embedding"] = item["embedding"] * (1 + len(str(text).split()))
        return content

    answers(service, change)


@fault("usage is zero", "usage", "lmstudio-ai/lmstudio-bug-tracker#1546")
def _(service: Service) -> None:
    service.patch(count=always(0))


@fault("usage is zero for what was computed before", "usage", "ollama/ollama#5370", OLLAMA)
def _(service: Service) -> None:
    seen: set[str] = set()
    right = service.count

    def count(texts: Texts) -> int:
        new = str(texts) not in seen
        seen.add(str(texts))
        return right(texts) if new else 0

    service.patch(count=count)
    count(["[SEP] and <|endoftext|> and </s>"])


@fault("usage counts what was cut off", "usage", "raullenchai/Rapid-MLX#1381")
def _(service: Service) -> None:
    service.patch(count=lambda texts: sum(2 + len(str(text).split()) for text in texts))


@fault("usage counts padding", "usage", "modelscope/ms-swift#10094")
def _(service: Service) -> None:
    right = service.count
    service.patch(count=lambda texts: max(right([text]) for text in texts) * len(texts))


@fault("usage is estimated from letters", "usage", "keldenl/gpt-llama.cpp#26")
def _(service: Service) -> None:
    service.patch(count=lambda texts: sum(math.ceil(len(text) / 4) for text in texts))


@fault("the name of a special token cannot be counted", "usage", "BerriAI/litellm#29660")
def _(service: Service) -> None:
    right = service.count

    def count(texts: Texts) -> int:
        if "<|endoftext|>" in str(texts):
            raise RuntimeError("disallowed special token")
        return right(texts)

    service.patch(count=count)


@fault("another model is named", "answering model", "xorbitsai/inference#2751")
def _(service: Service) -> None:
    answers(service, lambda content, _: {**content, "model": content["model"] + "-1-0"})


@fault("one model is always named", "answering model", "l33tdawg/sage#29", OLLAMA)
def _(service: Service) -> None:
    answers(service, lambda content, _: {**content, "model": "nomic-embed-text"}, "ollama")


@fault("dimensions is ignored", "dimensions", "ggml-org/llama.cpp#24898")
def _(service: Service) -> None:
    service.patch(dimensions=always(FAKE.dimension))


@fault("cut, and not normalised again", "dimensions", "michaelfeil/infinity#538")
def _(service: Service) -> None:
    service.patch(cut=lambda vectors, width: vectors[:, :width])


@fault("cut, and not normalised again, in /embed", "dimensions", "vllm-project/vllm-metal#738", TEI)
def _(service: Service) -> None:
    service.patch(cut=lambda vectors, width: vectors[:, :width])


@fault("a width of 0 or below is taken for none", "dimensions", "infiniflow/ragflow#15939")
def _(service: Service) -> None:
    right = service.dimensions

    def dimensions(body: dict[str, Any], width: int, *, unset: bool) -> int:
        return width if body.get("dimensions", 1) <= 0 else right(body, width, unset=unset)

    service.patch(dimensions=dimensions)


@fault("a negative width is an error of the server", "dimensions", "CopilotKit/aimock#433", OLLAMA)
def _(service: Service) -> None:
    right = service.dimensions

    def dimensions(body: dict[str, Any], width: int, *, unset: bool) -> int:
        if body.get("dimensions", 1) < 0:
            raise RuntimeError("Invalid array length")
        return right(body, width, unset=unset)

    service.patch(dimensions=dimensions)
