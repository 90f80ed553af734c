"""What the cameras saw, and the evidence images behind it."""
