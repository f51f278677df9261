"""Running the service: gunicorn's settings, its worker, the first start (contract 7)."""
