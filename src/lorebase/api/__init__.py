"""GraphQL and HTTP, nothing else."""
