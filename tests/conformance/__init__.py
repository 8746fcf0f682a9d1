"""Public suites of the GraphQL protocols, run against a small schema on the API's own transports."""
