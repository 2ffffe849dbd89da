"""Forms: named fields on a page, what is known of each, and their readings."""
