"""Measures single parts, each with its own command."""
