"""Tests of the adapter for mteb, with mteb, in an environment of their own (make mteb)."""
