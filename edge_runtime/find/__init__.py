"""Find the digits of a page.

In: a gray page, and a function that classifies crops. Out: digits in rows, dropped candidates with their reasons, and
all intermediate results. The steps are ink, printed rules, blobs, rows, cuts, the lattice of joins and the best path
through it: one file each, in this order. `reading.py` calls them.
"""
