"""The registry's forms; each turns what a person typed into a plan."""
