"""The judge. NumPy only: it never imports the library that it judges, nor MLX.

A bug of the library must not be able to hide in its judge; import-linter and a test keep the two apart.
"""
