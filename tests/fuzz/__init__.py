"""Changes files that the project reads, and looks for errors that are none of its own (``make fuzz``)."""
