"""The worker process: claims jobs, renews leases, sweeps."""
