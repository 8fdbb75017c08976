"""mteb and the adapter. Without mteb, as in the gate's own environment, nothing here runs."""

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("mteb") else ["test_*.py"]  # see make mteb
