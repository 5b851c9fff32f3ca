"""Configuration of ensembles: the section, its limits of a day, and the checks of its rules."""
