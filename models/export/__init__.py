"""Export: trained weights become an ONNX graph that is proven to compute the same."""
