"""Small helpers with no place of their own: files, text, redaction, versions, processor and memory."""
