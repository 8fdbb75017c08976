"""The figures that a harness of the usual kind rewards: ``make collapse``.

The same weights and texts are pooled rightly and wrongly. For each, the table shows the two figures that such
harnesses use: the mean norm and the cohesion. The cohesion is the mean over categories of the mean cosine
between two different texts of a category.
"""

import numpy as np

import embeddings
from embedding_gate import own_files
from embedding_gate.metrics.similarity import cohesion, of_topics
from tests.faults.catalogue import injected

POOLED = {
    "mean of the real tokens (right)": "",
    "first token": "first-token pooling",
    "last padded slot": "last slot pooled",
    "one constant vector": "constant vector",
}


def main() -> None:
    """Print the table."""
    topics = own_files.sets().topics
    chosen = of_topics(topics.categories)
    texts = [text for text, of in zip(topics.texts, chosen, strict=True) if of]
    categories = [category for category, of in zip(topics.categories, chosen, strict=True) if of]
    print(f"{len(texts)} texts of {len(set(categories))} topics")
    print(f"{'vector':<34} {'norm':>6} {'cohesion':>9}")
    for name, fault in POOLED.items():
        with injected(fault):
            vectors = embeddings.load().encode(texts, batch_tokens=1 << 20)
        norm = np.linalg.norm(vectors, axis=1).mean()
        print(f"{name:<34} {norm:>6.3f} {cohesion(vectors, categories):>9.3f}")


if __name__ == "__main__":
    main()
