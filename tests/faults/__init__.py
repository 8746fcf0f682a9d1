"""Breaks the real stack at random while clients work on it, then counts what was lost."""
