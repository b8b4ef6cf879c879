"""Runtime services: progress, memory, threads, Dask cluster, fingerprints of code and values."""
