"""Words: analysed, kept and searched."""
