"""`python -m edge_runtime` is the console command."""

from edge_runtime.cli import main

if __name__ == "__main__":  # a worker process imports this file, too
    main()
