"""What the GraphQL edge costs beside the bare framework."""
