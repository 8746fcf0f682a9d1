"""Documents: accepted, changed, shown and handed out."""
