"""The watch as a systemd service: notifications to systemd, the unit, and its installation.

In: progress of the watch, a configuration in TOML. Out: datagrams to systemd, system files.
"""
