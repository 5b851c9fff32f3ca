"""The commands of ``ml-assets``; what they print is in ``printing``."""
