"""`python -m drengr` is the `drengr` command."""

import sys

from drengr import current_folder

current_folder.never_import()  # before anything else is
if not hasattr(sys.modules["drengr"], "create_app"):  # the folder `drengr` of the current one was taken for it
    del sys.modules["drengr"]

from drengr.cli import main  # noqa: E402

if __name__ == "__main__":
    main()
