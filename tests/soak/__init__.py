"""The soak: many calls in one process, and processes that are killed (``make soak``)."""
