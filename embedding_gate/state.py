"""What one run of pytest judges, and what it has found so far."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import pytest

from embedding_gate.adapter import open_subject
from embedding_gate.corpus.passages import open_passages
from embedding_gate.found import Found
from embedding_gate.origin import open_origin
from embedding_gate.outside import open_outside
from embedding_gate.own_files import Options
from embedding_gate.register import gate_tests, recorded_tests
from embedding_gate.reindex.side_by_side import Side
from embedding_gate.session import open_gate, open_recorded_gate, tests_of, unbound
from embedding_gate.snapshots import compared
from embedding_gate.subjects.live import Subject
from embedding_gate.subjects.offers import OFFERS
from embedding_gate.subjects.recorded import Recorded
from embedding_gate.verdicts.gate import Gate

__all__ = ["RUN", "Judged", "Run", "in_order", "is_check", "run_of"]

Judged = Subject | Recorded


@dataclass
class Run:
    """One run.

    names: of what is judged, as the user named it.
    tests: names of the checks that can judge it.
    partial: whether checks were left out: then a threshold without a verdict is no failure.
    judged, gates: by name, from when they are first asked for.
    found: what the end of the run needs of each model, by name. Another process may have found it.
    lost: lines about models that were to be judged and were not.
    compared: the models side by side (--compare).
    written: lines about the files that the run has written.
    """

    options: Options
    names: list[str] = field(default_factory=list)
    tests: Collection[str] = ()
    partial: bool = False
    judged: dict[str, Judged] = field(default_factory=dict)
    gates: dict[str, Gate] = field(default_factory=dict)
    found: dict[str, Found] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    written: list[str] = field(default_factory=list)
    compared: list[Side] = field(default_factory=list)

    def name(self, names: list[str], *, recorded: bool) -> None:
        """Say what is judged."""
        self.names = names
        beside = self.options.snapshot is not None
        self.tests = recorded_tests(reindex=beside) if recorded else tests_of(self.options)

    def opened(self, name: str, embedder: object = None) -> Judged:
        """Return what is judged under a name. embedder: an object that embeds, of this process, or None."""
        if name not in self.judged or embedder is not None:
            if embedder is not None or self.options.subject:
                subject = open_outside(name, self.options, embedder)
            else:
                subject = open_subject(name, self.options)
            subject.origin = open_origin(subject, self.options)
            subject.reindex = compared(subject, self.options)
            subject.passages = open_passages(subject, self.options)
            self.judged[name] = subject
        return self.judged[name]

    def close(self, name: str) -> None:
        """Forget what is judged under a name, and end its process."""
        judged = self.judged.pop(name)
        if isinstance(judged, Subject):
            judged.close()

    def asked_for(self, name: str) -> str:
        """Return how the reader knows what is judged under a name."""
        judged = self.judged[name]
        return (judged.claimant if isinstance(judged, Subject) else "") or name

    def new_gate(self, name: str) -> Gate:
        """Make a gate with the thresholds of what is judged under a name."""
        judged = self.opened(name)
        if isinstance(judged, Recorded):
            return open_recorded_gate(judged, self.options)
        return open_gate(judged, self.options)

    def gate(self, name: str) -> Gate:
        """Return the gate that collects the verdicts on what is judged under a name."""
        if name not in self.gates:
            self.gates[name] = self.new_gate(name)
        return self.gates[name]

    @property
    def red(self) -> bool:
        """Whether a check failed."""
        return any(one.gate.red for one in self.found.values())

    @property
    def failed_to_write(self) -> list[str]:
        """What went wrong with a file, without the word FAIL."""
        return [line.removeprefix("FAIL: ") for line in self.written if line.startswith("FAIL")]

    def checks_made(self, gate: Gate) -> str:
        """Say how many of the run's checks gave a verdict."""
        return f"{len(gate.claims)} of {len(self.tests)} checks"

    def missing(self) -> list[str]:
        """Name what was asked for and is not there.

        That is each threshold that no check evaluated: the user's, and on a complete run the gate's too. And
        it is what is required and was not judged, because no check of this run is about it.
        """
        gates = [one.gate for one in self.found.values()]
        found = [
            f"threshold {check!r} of {gate.model} was never evaluated (was the check skipped or renamed?)"
            for gate in ([] if self.partial else gates)
            for check in gate.unread
        ]
        if (own := self.options.thresholds) and gates:
            found += [f"a threshold of {own} binds nothing here: {one}" for one in unbound(own, gates)]
        return [*self.lost, *found, *self._required_and_missing()]

    def _required_and_missing(self) -> list[str]:
        found = []
        for gate, offers in ((one.gate, one.offers) for one in self.found.values()):
            lost = {one for one in gate.required & OFFERS.keys() if one not in offers}
            lost |= set() if self.partial else gate.required - OFFERS.keys() - gate.claims
            found += [f"required (--require), but not judged: {one} of {gate.model}" for one in sorted(lost)]
        return found


RUN = pytest.StashKey[Run]()


def run_of(config: pytest.Config) -> Run:
    """Return the run that pytest is in."""
    return config.stash[RUN]


def is_check(item: pytest.Item) -> bool:
    """Tell whether a test is a check of the gate."""
    return item.get_closest_marker("quality") is not None


def in_order(items: Sequence[pytest.Item], names: Sequence[str]) -> list[pytest.Item]:
    """Return the tests with the checks in the gate's own order, model by model. Other tests stay in place.

    A plugin may shuffle tests. Then models would be opened and closed again and again, and rows of one margin
    would change places in the table.
    """
    ranks = {name: rank for rank, (name, _) in enumerate(gate_tests())}

    def judges(item: pytest.Item) -> bool:
        return is_check(item) and "judged" in getattr(item, "fixturenames", ())

    def place(item: pytest.Item) -> tuple[int, int]:
        return names.index(item.callspec.params["judged"]), ranks[item.name.partition("[")[0]]  # type: ignore[attr-defined]

    checks = iter(sorted(filter(judges, items), key=place))
    return [next(checks) if judges(item) else item for item in items]
