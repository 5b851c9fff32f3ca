"""Datasets, training, storage, evaluation and scoring of models; independent of Dagster."""
