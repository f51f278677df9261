"""WSGI entry: `gunicorn app:app` serves it (see Procfile), `python app.py` serves by itself."""
# ruff: noqa: E402 - the import path is cleaned before anything else is imported


from drengr import create_app, current_folder

current_folder.never_import()  # before anything else is

from drengr.config import BadSetting, read_config
from drengr.serving.start import first_start, serve, stop_with

if __name__ == "__main__":
    serve()

try:
    first_start(read_config())
except BadSetting as error:
    stop_with(str(error))
app = create_app()
