"""What persons say to a release."""
