"""Releases of models: a TUF repository that people sign, the assignments of devices, deltas, interop signatures.

Light on purpose: the command line and the cloud both use it, and neither loads a model library for it.
"""
