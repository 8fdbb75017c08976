"""The measurements of one model, by rules that are audited: clock, texts, shapes, records, audits, tables."""
