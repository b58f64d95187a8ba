"""A training run as it lies on disk and what it is told: settings, recipe, metrics, folder, data. Knows no model."""
