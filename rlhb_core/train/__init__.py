"""A run from its folder to its verdict: stages in order, checkpoints, the version that is left."""
