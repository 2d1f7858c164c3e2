"""How values are shown on the pages."""
