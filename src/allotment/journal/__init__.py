"""The durable log between intake and lake."""
