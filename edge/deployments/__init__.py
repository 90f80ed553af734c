"""New models on this box: verified, tried beside the old one, swapped in without losing a frame, rolled back by itself."""
