"""Tests of whole runs: a command in a new process, or a whole gate, and all that comes out of it."""
