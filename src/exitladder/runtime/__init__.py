"""What the program runs on: progress, memory, threads, a Dask cluster, fingerprints of code and values."""
