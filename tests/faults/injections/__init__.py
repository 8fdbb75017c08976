"""The injections, a file for each cause: each replaces one function of the library by its faulty twin."""
