"""Drawn digits and pages with known truth, for samples, tests and the simulated camera."""
