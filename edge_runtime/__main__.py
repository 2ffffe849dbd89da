"""Run the console command: `python -m edge_runtime`."""

from edge_runtime.cli import main

if __name__ == "__main__":  # worker processes import this file too
    main()
