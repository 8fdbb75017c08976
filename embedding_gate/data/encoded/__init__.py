"""A folder of encoded texts: the texts that it is made from, its manifest, and its shards."""
