"""Tests the wheel in an arm64 userland of Debian, on an emulated Raspberry Pi 4 and 5, against this machine.

In: the checkout, Debian's packages, arm64 wheels. Out: a line for each check, and exit code 0 if all hold.
`userland` makes the system and runs programs in it, `checks` computes the same results here and there.
"""
