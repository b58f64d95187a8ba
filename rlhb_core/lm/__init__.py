"""Language models: loading, adapters, sampling, decoding, scoring. Knows no reward and no run."""
