"""Business rules: no framework, no vendor."""
