"""Draws forms to measure a reader of forms on: blank ones, and scans and photographs of them with exact truth."""
