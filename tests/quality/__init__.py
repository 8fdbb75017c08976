"""The gate: one claim about the model per test."""
