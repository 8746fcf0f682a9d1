"""Evaluation sets, runs and the figures of retrieval."""
