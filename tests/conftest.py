"""What all tests share."""

from hypothesis import settings

# The machine is shared and noisy: no property is a statement about time.
settings.register_profile("lorebase", deadline=None)
settings.load_profile("lorebase")
