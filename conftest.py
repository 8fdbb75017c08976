"""What this repository runs: the gate, and besides it what only its own tests and benchmarks have."""

pytest_plugins = [
    "embedding_gate.plugin",
    "benchmarks.plugin",  # pytest --benchmark-only
    "benchmarks.against.plugin",  # --against
    "tests.faults.options",  # pytest -m faults
    "tests.selection",
]
