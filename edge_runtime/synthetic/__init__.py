"""Drawn digits and pages with known labels, for samples, tests and the simulated camera."""
