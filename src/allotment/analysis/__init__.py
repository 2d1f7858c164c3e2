"""From events to a verdict: metrics, moments, tests, health checks, reports."""
