"""Will a flight arrive late? Known two hours before its scheduled departure."""
