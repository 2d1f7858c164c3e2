"""Iceberg tables of events, the sink that fills them, and questions over them."""
