"""The record of a run, as types: report.json is read by them, and its JSON Schema is made from them."""
