"""WSGI entry: `gunicorn app:app` serves it (see Procfile), `python app.py` serves by itself."""


from drengr import create_app, current_folder

if __name__ == "__main__":
    current_folder.never_import()

from drengr.config import BadSetting, read_config
from drengr.serving.start import first_start, serve, stop_with

if __name__ == "__main__":
    serve()

try:
    first_start(read_config())
except BadSetting as error:
    stop_with(str(error))
app = create_app()
