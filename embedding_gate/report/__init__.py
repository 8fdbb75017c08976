"""The report of a run: one record of plain data, shown as a page, as Markdown and as JSON."""
