"""A pytest plugin (``-p``) that presses Ctrl-C when the first test begins."""

import signal


def pytest_runtest_setup() -> None:
    # A background job of a shell ignores Ctrl-C from its start. So would this run within one.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.raise_signal(signal.SIGINT)
