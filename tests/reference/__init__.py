"""Other implementations: where the goldens and the bars come from."""
