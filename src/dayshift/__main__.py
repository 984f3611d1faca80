"""`python -m dayshift`."""

from dayshift.cli import main

main()
