"""Drengr: product events on your own machine, in one SQLite file."""

__version__ = "0.1.0"


def create_app(config=None, **options):
    """The Flask application, page included; `config` overrides single settings, e.g. {"DRENGR_DATABASE": "events.db"}.

    options  see drengr.api.build_app
    Raises   config.BadSetting, store.DatabaseError with a sentence for the operator
    """
    from drengr.api import build_app
    from drengr.page import add_page

    app = build_app(config, **options)
    add_page(app)
    return app
