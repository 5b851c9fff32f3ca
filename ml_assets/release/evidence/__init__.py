"""What a release is judged on: comparison with the champion, fairness, and the question they answer."""
