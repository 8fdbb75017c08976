"""Single things, measured by commands of their own."""
