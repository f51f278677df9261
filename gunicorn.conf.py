"""What `gunicorn app:app` in this folder reads by itself: HOST, PORT and the rest, as everywhere."""

from drengr.serving.gunicorn_settings import *  # noqa: F403
