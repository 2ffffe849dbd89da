"""`batch-classify` as a library: files to rows, in several processes, resumable."""
