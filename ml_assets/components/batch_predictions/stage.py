"""The stage of all assets in this folder: what their group is called after the name of the pipeline."""

STAGE = "predictions"
