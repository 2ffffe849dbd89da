"""Batch jobs: read many files in several processes into one output file, resumable."""
