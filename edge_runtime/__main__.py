"""`python -m edge_runtime` is the console command."""

from edge_runtime.cli import main

main()
