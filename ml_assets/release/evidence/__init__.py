"""The evidence of a release: comparison with the champion, and fairness."""
