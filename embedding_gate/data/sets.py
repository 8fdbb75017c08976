"""The labelled texts of a run."""

from collections.abc import Iterator
from dataclasses import dataclass

from embedding_gate.data.labelled import Labelled, Pairs, Part, Topics
from embedding_gate.data.retrieval import Retrieval

__all__ = ["Sets"]


@dataclass(frozen=True)
class Sets:
    """The labelled texts of a run: the gate's own or the user's."""

    topics: Topics
    pairs: Pairs
    retrieval: Retrieval

    @property
    def all(self) -> tuple[Labelled, ...]:
        """The three sets."""
        return self.topics, self.pairs, self.retrieval

    @property
    def parts(self) -> tuple[Part, ...]:
        """The texts of all sets: topics, both sides of the pairs, queries, passages."""
        return tuple(part for of in self.all for part in of.parts)

    def names(self) -> Iterator[str]:
        """Yield a name for each text of all parts: its set and number."""
        for part in self.parts:
            for row in range(part.count):
                yield f"{part.name} {row + 1}"
