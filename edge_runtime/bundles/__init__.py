"""Model bundles: reading and checking them, and their golden inputs and outputs."""
