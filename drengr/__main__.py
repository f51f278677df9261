"""`python -m drengr` is the `drengr` command."""

from drengr.cli import main

if __name__ == "__main__":
    main()
