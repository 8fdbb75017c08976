"""Speed and vectors of this tree beside another revision's: ``pytest --benchmark-only --against REV``."""
