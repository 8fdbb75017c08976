"""Code that several tests share: small models and repositories, commands, a plain environment."""

HANG = 300  # seconds; no step takes so long on the slowest, busiest machine, so a longer one hangs
