"""A species classifier for crops of single fish: EfficientNet-Lite0 features and one linear layer, trained in minutes on a CPU."""
