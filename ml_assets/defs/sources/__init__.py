"""The source systems: a year of flights and weather, and three reference tables."""
