"""Machine-learned models: data, training, export, evaluation, publishing, and the light runtime that devices use."""
