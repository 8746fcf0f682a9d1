"""Public suites and clients of GraphQL, run against a small schema and the whole stack."""
