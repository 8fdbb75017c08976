"""A pull request, judged by the revision that it would change: ``python -m embedding_gate.pull_request``."""
