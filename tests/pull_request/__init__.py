"""A pull request, judged by the revision that it would change: ``python -m tests.pull_request``."""
