"""Model bundles: loading and checking them, and their golden inputs and outputs."""
