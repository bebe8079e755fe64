"""Sources that ask a trained model: they stand above the run, because they open bundles."""
