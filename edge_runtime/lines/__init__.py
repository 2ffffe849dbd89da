"""The line recogniser: reads a row of digits without cutting it, with CTC."""
