"""The watch as a systemd service: what it tells systemd, and the unit that runs it.

In: the watch loop's progress, a configuration in TOML. Out: datagrams to systemd, files of the system.
"""
