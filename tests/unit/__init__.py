"""Tests of the library and of the judge."""
