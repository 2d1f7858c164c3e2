"""Django's PostgreSQL backend, with transactions that behave as they do in SQLite."""
