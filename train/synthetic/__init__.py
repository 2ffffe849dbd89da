"""Generated training data: other handwriting styles, letters, non-digits and lines of digits."""
