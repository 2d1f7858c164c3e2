"""Sends rejected events through the normal path once more, each exactly once."""
