"""Tests of the repository: its documents, its targets, and what pytest selects."""
