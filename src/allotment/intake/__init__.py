"""The HTTP intake: accept, validate, enrich, answer. No Django."""
