"""Other implementations. The goldens and the thresholds come from them."""
