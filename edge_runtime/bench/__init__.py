"""Measure the speed and size of the installed package on this device, for each backend.

    model, backends ──> a new process each (worker) ──> repeats ──> metrics ──> table, JSON, comparison
                          device: temperature, clock, throttling and power meanwhile

Needs only what classification needs: no TensorFlow, no checkout.
"""
