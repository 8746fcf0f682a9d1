"""Knowledge bases: made, changed, removed."""
