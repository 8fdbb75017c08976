"""The checks: one claim about the model per test."""
