"""Measures the project against its targets: models and labelled images in, results and tables out.

    bundles, MNIST, folders of labelled images ──> parity ─────────┐
    bundles, digits, fresh processes ──> latency, throughput ──────┤
    fresh environments ──> footprint                               ├──> results/*.json ──> tables ──> README, docs
    bundles under callgrind ──> instructions ──────────────────────┘            └──> plots

`python -m benchmarks NAME` measures and writes; `python -m benchmarks tables` writes the recorded figures into
the README and `docs/figures/`, and a test compares them. May import everything; nothing imports it.
"""
