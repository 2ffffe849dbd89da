"""`edge-digits watch` measured: how fast, how late, how idle, how long, how right.

In: drawn pages under a camera that moves, in light that changes, with whatever befalls cameras. Out: figures for JSON.
"""
