"""Other implementations: where the goldens and the thresholds come from."""
