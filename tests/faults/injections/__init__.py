"""Injections, one file for each cause. Each replaces one library function with a faulty version."""
