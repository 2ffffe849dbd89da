"""Small helpers for files, text, redaction, versions, processor and memory."""
