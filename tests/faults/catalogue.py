"""All faults and benign variants, and how one is injected and removed.

Most faults were really shipped, and they name a public report. The others were thought of for a check. A
fault changes one function of the library in memory, through pytest's MonkeyPatch. The source stays as it is.
"""

import importlib
import pkgutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.faults import injections
from tests.faults.registry import Fault, declared
from tests.faults.seams import scratch

__all__ = ["BENIGN", "BY_NAME", "FAULTS", "Fault", "injected"]

for _module in pkgutil.iter_modules(injections.__path__, f"{injections.__name__}."):
    importlib.import_module(_module.name)

FAULTS = tuple(fault for fault in declared if not fault.benign)
BENIGN = tuple(fault for fault in declared if fault.benign)
BY_NAME = {fault.name: fault for fault in (*FAULTS, *BENIGN)}


@contextmanager
def injected(name: str, seed: int = 0) -> Iterator[pytest.MonkeyPatch]:
    """Inject the fault or benign variant of that name until the block ends. "" injects nothing.

    seed: the number of the run, for faults that draw random numbers.
    """
    with pytest.MonkeyPatch.context() as patch, TemporaryDirectory(prefix="embedding-gate-") as folder:
        patch.setattr(scratch, "folder", Path(folder))
        patch.setattr(scratch, "seed", seed)
        if name:
            BY_NAME[name].inject(patch)
        yield patch
