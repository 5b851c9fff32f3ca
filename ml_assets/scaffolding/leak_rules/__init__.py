"""Rules that find columns which give the target away, one kind of leak in each module."""
