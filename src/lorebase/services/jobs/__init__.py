"""Background work: its life, its events, who may do it."""
