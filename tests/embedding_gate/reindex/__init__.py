"""Tests of snapshots, of the verdict on old and new vectors, and of its reason."""
