"""The farm's records on paper: PDF to hand over, CSV to compute with."""
