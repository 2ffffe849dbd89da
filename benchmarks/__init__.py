"""Proves what the project promises: models and labelled pictures flow in, figures and tables flow out.

    bundles, MNIST, folders of labelled pictures ──> parity ───────┐
    bundles, digits, fresh processes ──> latency, throughput ──────┤
    fresh environments ──> footprint                               ├──> results/*.json ──> tables ──> README.md
    bundles under callgrind ──> instructions ──────────────────────┘            └──> plots

`python -m benchmarks NAME` measures and writes; `python -m benchmarks tables` puts the written figures into the
README, where a test holds them to be the same. May import everything; nothing imports it.
"""
