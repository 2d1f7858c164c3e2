"""A small wiki about allotments and measuring: the demo of both client libraries."""
