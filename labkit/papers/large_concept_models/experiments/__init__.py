"""The lesson's experiments: models and options to frozen results, each with its per-unit records."""
