"""Allotment: a self-hosted experimentation lab."""

__version__ = "0.1.0"
