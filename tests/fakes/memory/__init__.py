"""The repositories in memory, one module a noun; `tests.fakes.unit_of_work` makes transactions of them."""
