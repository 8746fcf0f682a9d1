"""Text cut into passages: by sections, sentences and tokens."""
