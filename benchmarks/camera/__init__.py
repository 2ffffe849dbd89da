"""Measures `edge-digits watch`: frame rate, latency, load when idle, endurance and accuracy.

In: drawn pages under a moving camera, in changing light, with injected faults. Out: metrics for JSON.
"""
