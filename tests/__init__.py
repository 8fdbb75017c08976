"""The gate, the proof of its power, and the tests of the project itself."""
