"""Speed beside other implementations, each in a process of its own."""
