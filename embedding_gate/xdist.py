"""The gate under pytest-xdist (``-n``): one process judges all checks of a model, the first one ends the run.

The first process is the one that the user started. It judges nothing. It prints, writes and decides what a
run in one process would, from what the others found.
"""

from typing import Any

import pytest

from embedding_gate.command_line import judges
from embedding_gate.found import Found, Part, packed, unpacked
from embedding_gate.state import Run, run_of

__all__ = ["First", "check_whole", "first_of", "give", "is_first", "is_other", "take_part"]

KEY = "embedding_gate"  # of what xdist carries to another process, and of what it brings back
EXIT = "embedding_gate_exit"
NAME = "embedding_gate.first"
IN_ONE_PROCESS = ("compare", "calibrate", "projector")
DIED = "a process of -n died; run it again, or without -n"
SPLIT = "-n: the checks of a model need one process: leave out -n, or select the gate by -m quality"


def is_other(config: pytest.Config) -> bool:
    """Tell whether another process started this one, to judge."""
    return hasattr(config, "workerinput")


def is_first(config: pytest.Config) -> bool:
    """Tell whether this process starts others, which judge."""
    return config.getoption("dist", "no") != "no" and bool(config.getoption("tx", None))


def check_whole(request: pytest.FixtureRequest) -> None:
    """Refuse to judge in a process that does not get all checks of a model."""
    if is_other(request.config) and KEY not in request.config.workerinput:  # type: ignore[attr-defined]
        request.session.shouldstop = SPLIT
        pytest.fail(SPLIT, pytrace=False)


def give(config: pytest.Config, found: dict[str, Found], *, partial: bool) -> None:
    """Give the first process what this one found."""
    config.workeroutput[KEY] = packed(Part(found, partial))  # type: ignore[attr-defined]


def first_of(config: pytest.Config) -> "First | None":
    """Return what knows the other processes, or None in a run of one process, and in the others."""
    found: First | None = config.pluginmanager.getplugin(NAME)
    return found


def take_part(config: pytest.Config) -> None:
    """Take part in a run of several processes, before xdist begins it.

    Raises:
        UsageError: an option needs one process.

    """
    if is_other(config):
        config.pluginmanager.register(_Other(config))
    elif is_first(config) and judges(config):
        for option in IN_ONE_PROCESS:
            if config.getoption(option):
                raise pytest.UsageError(f"-n: --{option} needs all models in one process: leave out -n")
        config.option.maxworkerrestart = "0"  # a second process would judge what is left of a model's checks
        config.pluginmanager.register(First(run_of(config)), NAME)


class _Other:
    """A process that judges. pytest.exit ends the run, and not this process alone."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        if isinstance(why := excinfo.value, pytest.exit.Exception):
            code = pytest.ExitCode.INTERRUPTED if why.returncode is None else why.returncode
            self.config.workeroutput[EXIT] = (why.msg, int(code))  # type: ignore[attr-defined]


class First:
    """The first process: shares the models out, and gathers what was found of them.

    asked: the models of which checks were selected. nodes: the other processes, as xdist has them.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.nodes: list[Any] = []
        self.asked: set[str] = set()
        # pytest writes a name into the id of a test in this way.
        self._names = {name.encode("unicode_escape").decode(): name for name in run.names}

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Keep the session, to end it."""
        self.session = session

    def pytest_configure_node(self, node: Any) -> None:
        """Say to a process that it gets all checks of a model."""
        node.workerinput[KEY] = True
        self.nodes.append(node)

    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> Any:
        """Give all tests of a model to one process, the models in their order; any other test to any."""
        from xdist.scheduler import LoadScopeScheduling  # noqa: PLC0415  (the gate itself does not need it)

        class ByModel(LoadScopeScheduling):  # type: ignore[misc]
            def _split_scope(_, nodeid: str) -> str:  # noqa: N805
                return self.model_of(nodeid) or nodeid

        return ByModel(config, log)

    def model_of(self, nodeid: str) -> str:
        """Return the name of the model that a test is about, or ""."""
        parameters = nodeid.partition("[")[2]
        known = [name for name in self._names if parameters.startswith(name)]
        return self._names[max(known, key=len)] if known else ""

    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """Keep which models' checks were selected."""
        checks = (one for one in ids if one.partition("[")[0].rpartition("::")[2] in self.run.tests)
        self.asked |= {self.model_of(one) for one in checks}

    def pytest_testnodedown(self, node: Any) -> None:
        """End the run as a single process would, where one of the others ended it."""
        output = getattr(node, "workeroutput", {})
        if EXIT in output:
            pytest.exit(*output[EXIT])
        if (why := output.get("shouldfail")) and unpacked(output[KEY]).found:
            self.session.shouldfail = why
            raise self.session.Failed(why)

    def gather(self, session: pytest.Session) -> None:
        """Put what the others found into the run, as if it had found it itself."""
        outputs = [getattr(node, "workeroutput", {}) for node in self.nodes]
        parts = [unpacked(output[KEY]) for output in outputs if KEY in output]
        died = len(parts) < len(self.nodes) and not session.shouldfail  # -x stops the others
        for name in self.run.names:
            found = [part.found[name] for part in parts if name in part.found]
            if len(found) == 1:
                self.run.found[name] = found[0]
            elif found:
                self.run.lost.append(f"the checks of {name} ran in {len(found)} processes: leave out -n")
            elif name in self.asked and died:
                self.run.lost.append(f"{name} was not judged: {DIED}")
        self.run.partial |= any(part.partial for part in parts)
