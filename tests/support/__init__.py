"""What several tests share: models and repositories made here, commands, plain surroundings."""

HANG = 300  # seconds that no step here takes on the slowest and busiest machine: what takes longer never ends
