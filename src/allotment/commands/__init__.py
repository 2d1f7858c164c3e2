"""The sub-commands of `allotment`, one file each; `cli.py` joins them."""
