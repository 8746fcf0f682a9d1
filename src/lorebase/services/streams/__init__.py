"""Following jobs and answers live."""
