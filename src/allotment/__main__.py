"""`python -m allotment` is the `allotment` command."""

from allotment.cli import main

main()
