"""Model cards and plots, and the pages that people look at."""
