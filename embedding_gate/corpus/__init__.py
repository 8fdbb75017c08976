"""Encodes whole corpora into a folder of shards, and verifies such a folder."""
