"""The source systems: a year of flights, the weather they flew in, and three dictionaries."""
