"""The report's page in a browser, and the projector's files in TensorBoard: ``make pages``."""
