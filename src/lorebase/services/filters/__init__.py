"""Conditions on declared metadata: their rules and what they mean."""
