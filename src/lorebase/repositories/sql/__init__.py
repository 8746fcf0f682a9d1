"""PostgreSQL repositories, one module a noun."""
