"""From an uploaded file to passages in the index."""
