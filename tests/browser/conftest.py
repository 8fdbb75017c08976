"""The page in a browser. Without playwright, as in the gate's own environment, nothing here runs."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from embedding_gate.report.schema.record import Record
from embedding_gate.report.write import write_report
from tests.browser.made_up import made_up

if TYPE_CHECKING:
    from playwright.sync_api import Browser

collect_ignore_glob = [] if find_spec("playwright") else ["test_*.py"]  # see make pages
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SOFTWARE_GL = ("--use-angle=swiftshader", "--enable-unsafe-swiftshader")  # WebGL without a GPU


@pytest.fixture(scope="session")
def record() -> Record:
    return made_up()


@contextmanager
def chromium() -> Iterator["Browser"]:
    """Run a headless Chromium of the system; none is downloaded.

    Raises:
        FileNotFoundError: the system has none.

    """
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  (see collect_ignore_glob)

    if not (path := next(filter(None, map(shutil.which, BROWSERS)), None)):
        raise FileNotFoundError("no Chromium here; install the system's package chromium")
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []  # root has none
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=[*SOFTWARE_GL, *sandbox])
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def browser() -> Iterator["Browser"]:
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="session")
def file(record: Record, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the made-up record."""
    folder = tmp_path_factory.mktemp("report")
    write_report(folder, record)
    return folder / "report.html"
