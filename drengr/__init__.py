"""Drengr: product events on your own machine, in one SQLite file."""

__version__ = "0.1.0"


def create_app(config=None):
    """The Flask application; `config` overrides single settings, e.g. {"DRENGR_DATABASE": "events.db"}.

    Raises  config.BadSetting, store.database.DatabaseError with a sentence for the operator
    """
    from drengr.api import build_app

    return build_app(config)
