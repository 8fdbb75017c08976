"""Tests that need the environment of the reference implementations run only where they are named."""

collect_ignore_glob = ["test_*.py"]  # see make folders
