"""`python -m drengr` is the `drengr` command."""

from drengr import current_folder

current_folder.never_import()  # before anything else is

from drengr.cli import main  # noqa: E402

if __name__ == "__main__":
    main()
