"""Runs the library of one tree as a worker process: ``python -m benchmarks.against.tree_worker``.

Requests and answers go over pipes. The package ``embeddings`` comes from the tree. All code that measures
comes from the harness that started this process. No clock runs here: the process that sends the request "run"
measures its time, so the code of a tree has no access to the clock.
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
    """Import the package ``embeddings`` of a tree. All other imports come from the same place as before."""
    sys.path.insert(0, str(tree))
    found = importlib.import_module("embeddings")
    sys.path.remove(str(tree))
    if Path(str(found.__file__)).resolve().parents[1] != tree.resolve():
        sys.exit(f"{tree}: has no package embeddings; {found.__file__} was imported")
    return found


class Answers:
    """The answers of a loaded model to requests.

    engine: the engine of benchmarks/harness/engine.py with the model. open_cache: the VectorCache of the
    tree.
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
        """Return the facts about the model that are needed for requests."""
        one = self.engine.embedder
        return {"dimension": one.dimension, "max_tokens": one.max_tokens, "prompts": sorted(one.prompts)}

    def tokenize(self, texts: list[str], prompt_name: str | None = None) -> dict[str, Any]:
        """Return the token ids of texts, and how many tokens were cut off from each text."""
        tokens = self.engine.embedder.tokenize(texts, **self._prompt(prompt_name))
        return {"ids": [row.tolist() for row in tokens.ids], "dropped": tokens.dropped.tolist()}

    def encode(self, texts: list[str], prompt_name: str | None = None) -> dict[str, Any]:
        """Return vectors. This is not timed."""
        return pack(self.engine.embedder.encode(texts, **self._prompt(prompt_name)))

    def hold(self, batches: list[list[str]], *, times: int, cached: bool) -> dict[str, Any]:
        """Store the texts of the next runs and count their tokens.

        batches: the texts of each call. times: how often a run repeats all calls.
        cached: the vectors of the texts are put into a cache before the runs.
        """
        self._batches, self._times = batches, times
        self._cache = self._open_cache() if cached else None
        if cached:
            self._encoded()
        return {"tokens": sum(self.engine.count(texts) for texts in batches)}

    def run(self) -> dict[str, Any]:
        """Encode the stored texts, call by call, until the last vectors are in host memory."""
        self._vectors = [vectors for _ in range(self._times) for vectors in self._encoded()]
        return {}

    def look(self, call: int) -> dict[str, Any]:
        """Return the vectors of one call of the last run, and the number of calls of that run."""
        return {"calls": len(self._vectors), **pack(self._vectors[call])}

    def spy(self, texts: list[str]) -> dict[str, Any]:
        """Encode texts without timing.

        Return the vectors, the number of tokens that the model got, and the bits of its output.
        """
        found = self.engine.spied(texts)
        return {"tokens": found.tokens, "bits": found.bits, **pack(found.vectors)}

    def _prompt(self, name: str | None) -> dict[str, Any]:
        """Return the keyword argument for a prompt. Its name is ``prompt`` in older trees."""
        known = inspect.signature(self.engine.embedder.encode).parameters
        return {"prompt_name" if "prompt_name" in known else "prompt": name}

    def _encoded(self) -> list[NDArray[Any]]:
        return [np.array(self.engine.encode(texts, cache=self._cache)) for texts in self._batches]


def start() -> Callable[[Any], dict[str, Any]]:
    """Load the library of the tree and the model; return the function that answers requests."""
    options = parse()
    embeddings = library(options.tree)
    warnings.simplefilter("ignore", embeddings.TruncationWarning)
    # Imported after the embeddings package of the tree, so that the engine uses that package.
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
