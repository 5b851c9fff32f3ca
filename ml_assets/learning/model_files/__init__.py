"""Files of models: skops for what scikit-learn holds, text for boosters; none is a pickle."""
