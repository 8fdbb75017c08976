"""One tree's library in a process of its own, asked over pipes: ``python -m benchmarks.against.tree_worker``.

``embeddings`` is the tree's; all that measures is of the harness that started this. No clock runs here: the
time of "run" is taken by who asks, so no code of a tree holds it.
"""

import argparse
import importlib
import inspect
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedding_gate.serving import pack, serve


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.against.tree_worker", description=__doc__)
    parser.add_argument("tree", type=Path, help="the folder that holds embeddings/")
    parser.add_argument("model", help="a name or a folder, as embeddings.load takes it")
    for name in ("--device", "--recipe", "--precision"):
        parser.add_argument(name)
    return parser.parse_args()


def library(tree: Path) -> ModuleType:
    """Import a tree's ``embeddings``; what else is imported comes from where it came from before."""
    sys.path.insert(0, str(tree))
    found = importlib.import_module("embeddings")
    sys.path.remove(str(tree))
    if Path(str(found.__file__)).resolve().parents[1] != tree.resolve():
        sys.exit(f"{tree}: has no package embeddings; {found.__file__} was imported")
    return found


class Answers:
    """A loaded model, and what it answers.

    engine: benchmarks/harness/engine.py's, around the model. open_cache: the tree's VectorCache.
    """

    def __init__(self, engine: Any, open_cache: Callable[[], Any]) -> None:
        self.engine, self._open_cache = engine, open_cache
        self._batches: list[list[str]] = []
        self._times = 1
        self._cache: Any = None
        self._vectors: list[NDArray[Any]] = []

    def __call__(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer {"do": the name of a method, and its arguments}."""
        found: dict[str, Any] = getattr(self, request.pop("do"))(**request)
        return found

    def describe(self) -> dict[str, Any]:
        """Tell what must be known of the model to ask it."""
        one = self.engine.embedder
        return {"dimension": one.dimension, "max_tokens": one.max_tokens, "prompts": sorted(one.prompts)}

    def tokenize(self, texts: list[str], prompt_name: str | None = None) -> dict[str, Any]:
        """Return the token ids of texts, and how many were cut off each."""
        tokens = self.engine.embedder.tokenize(texts, **self._prompt(prompt_name))
        return {"ids": [row.tolist() for row in tokens.ids], "dropped": tokens.dropped.tolist()}

    def encode(self, texts: list[str], prompt_name: str | None = None) -> dict[str, Any]:
        """Return vectors, off the clock."""
        return pack(self.engine.embedder.encode(texts, **self._prompt(prompt_name)))

    def hold(self, batches: list[list[str]], *, times: int, cached: bool) -> dict[str, Any]:
        """Take the texts of the next runs, a list for each call, each so many times; count their tokens.

        cached: a cache holds their vectors by then.
        """
        self._batches, self._times = batches, times
        self._cache = self._open_cache() if cached else None
        if cached:
            self._encoded()
        return {"tokens": sum(self.engine.count(texts) for texts in batches)}

    def run(self) -> dict[str, Any]:
        """Encode what is held, call by call, until the last vectors are in host memory."""
        self._vectors = [vectors for _ in range(self._times) for vectors in self._encoded()]
        return {}

    def look(self, call: int) -> dict[str, Any]:
        """Return the vectors of one call of the last run, and of how many."""
        return {"calls": len(self._vectors), **pack(self._vectors[call])}

    def spy(self, texts: list[str]) -> dict[str, Any]:
        """Encode off the clock, and tell the tokens that the model was handed and the bits that it gave."""
        found = self.engine.spied(texts)
        return {"tokens": found.tokens, "bits": found.bits, **pack(found.vectors)}

    def _prompt(self, name: str | None) -> dict[str, Any]:
        """Name a prompt by the option of the tree's library: in older trees it is ``prompt``."""
        known = inspect.signature(self.engine.embedder.encode).parameters
        return {"prompt_name" if "prompt_name" in known else "prompt": name}

    def _encoded(self) -> list[NDArray[Any]]:
        return [np.array(self.engine.encode(texts, cache=self._cache)) for texts in self._batches]


def start() -> Callable[[Any], dict[str, Any]]:
    """Load the tree's library and model; return what answers."""
    options = parse()
    embeddings = library(options.tree)
    warnings.simplefilter("ignore", embeddings.TruncationWarning)
    # After the tree's embeddings, which it then uses.
    engine = importlib.import_module("benchmarks.harness.engine")
    given = {key: value for key in ("recipe", "precision") if (value := getattr(options, key))}
    try:
        embeddings.use_device(options.device)
        model = embeddings.load(options.model, **given)
    except embeddings.EmbeddingsError as error:
        sys.exit(str(error))
    return Answers(engine.EmbedderEngine(model), embeddings.VectorCache)


if __name__ == "__main__":
    serve(start)
