"""The protocols that services need, one module a noun."""
