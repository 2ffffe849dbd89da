"""How quick and how large the installed package is on this device, backend by backend.

    model, backends ──> a fresh process each (worker) ──> repeats ──> figures ──> table, JSON, comparison
                          device: temperature, clock, throttling, power, beside it

Needs nothing but what classifying needs: no TensorFlow, no checkout.
"""
