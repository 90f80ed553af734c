"""Whether another version of a model is better: on the same pictures, or on different units at the same time."""
