"""Check what works on this device: `doctor`, the self-test, system libraries."""
