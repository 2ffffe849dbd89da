"""Builds a file for each system that installs edge-digits without a network: `python -m tools.installer`.

In: the checkout and wheels for arm64. Out: `dist/edge-digits-VERSION-RELEASE-arm64.run`, a script with an archive
behind it: the wheels, checksums of them all and `install.sh`, which can also install from the wheel
beside it with a network.
"""
