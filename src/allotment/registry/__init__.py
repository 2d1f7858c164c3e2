"""The registry: where people declare instruments and experiments, and sites read them."""
