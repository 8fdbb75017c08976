"""A pytest plugin (``-p``) that presses Ctrl-C when the first test begins."""

import signal


def pytest_runtest_setup() -> None:
    # A shell's background job is born deaf to Ctrl-C, and so would be this run within one.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.raise_signal(signal.SIGINT)
