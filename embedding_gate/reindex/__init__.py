"""May old and new vectors stand in one index? Snapshots of a model's vectors, the verdict, and the reason."""
