"""The measurements of one model: clock, texts, shapes, records, audits, tables. Audits check the rules."""
