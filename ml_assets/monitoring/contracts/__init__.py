"""Contracts of what monitoring makes: how the rows are made is in the modules of the same name beside."""
