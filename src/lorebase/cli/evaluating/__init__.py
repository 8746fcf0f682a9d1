"""Evaluation sets and runs in the terminal."""
