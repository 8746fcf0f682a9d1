"""Pydantic values that cross layers, one module a noun."""
