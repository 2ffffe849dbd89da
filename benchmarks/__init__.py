"""Measures the project against its targets: models and labelled images in, results and tables out.

    bundles, MNIST, folders of labelled images ───> parity ───────┐
    bundles, digits, fresh processes ──> latency, throughput ──────┤
    fresh environments ──> footprint                               ├──> results/*.json ──> tables ──> README.md
    bundles under callgrind ──> instructions ──────────────────────┘            └──> plots

`python -m benchmarks NAME` measures and writes; `python -m benchmarks tables` puts the recorded results into the
README; a test fails when they differ. May import everything; nothing imports it.
"""
