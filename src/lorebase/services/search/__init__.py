"""Search: planned, run on its legs, fused, explained."""
