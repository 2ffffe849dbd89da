"""The line recogniser: a row of touching digits to text, by CTC."""
