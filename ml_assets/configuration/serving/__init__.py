"""Configuration of requests: the online store, the section ``serving``, and the sources of features."""
