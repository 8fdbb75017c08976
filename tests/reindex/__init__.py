"""Studies of the verdict on old and new vectors, on recorded vectors (docs/reindex.md)."""
