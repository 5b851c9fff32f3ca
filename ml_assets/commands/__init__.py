"""The commands of ``ml-assets`` that need more than a few lines, and what they show on a console."""
