"""Machine-learned models: data, training, export, evaluation, publishing, and the light runtime that devices use."""

import os

# onnxruntime sends events and an identity of the machine to its maker unless it is told not to before it is loaded. What runs on a
# farm is the farm's own matter; who sets the variable to 0 has decided otherwise.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
