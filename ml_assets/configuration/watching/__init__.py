"""Configuration of the tables and pipelines that alerts watch."""
