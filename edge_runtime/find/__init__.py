"""Finds the digits of a page.

In: a gray page, and what reads crops. Out: digits in rows, what was dropped and why, and every step on the way.
Ink, printed rules, blobs, rows, cuts, the lattice of joins and the best path through it: one small file each, in this
order; `reading.py` goes through them.
"""
