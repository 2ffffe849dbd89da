"""Generated training data: other handwriting styles, letters, non-digits, lines of digits, and scenes."""
