"""Which models there are, and which of them is the champion."""
