"""What all tests share: no example is failed for being slow, because machines differ."""

from hypothesis import settings

settings.register_profile("stemscape", deadline=None)
settings.load_profile("stemscape")
