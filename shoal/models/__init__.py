"""``shoal models``: data sets, training, evaluation and bundles from the command line. Each command loads its own libraries."""
