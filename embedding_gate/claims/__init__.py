"""Published figures and statements, and the verdict on each."""
