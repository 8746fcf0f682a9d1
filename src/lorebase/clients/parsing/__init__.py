"""Files into text: one small module a format, run in processes that may crash or hang without harm."""
