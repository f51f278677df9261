"""The web page under /ui/ (contract 12): a file a room, over the verbs that the doors and the commands use."""

from flask import Flask, Response, request
from werkzeug.middleware.proxy_fix import ProxyFix

from drengr.api.errors import ApiError
from drengr.api.service import EXTENSION
from drengr.page import (  # noqa: F401 - a room is served because it is imported
    ask,
    erase,
    errors,
    event,
    import_room,
    keep,
    keys,
    live,
    names,
    overview,
    past_imports,
    people,
    problems,
    settings,
    sign_in,
)
from drengr.page.addresses import changed
from drengr.page.frame import page, seen_at
from drengr.page.guard import secured
from drengr.page.periods import RANGES


def add_page(app: Flask) -> None:
    """Serve the page from this application, if it is on, and believe as many proxies as the settings say."""
    config = app.extensions[EXTENSION].config
    if proxies := config["DRENGR_PROXIES"]:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=proxies, x_proto=proxies, x_host=proxies, x_prefix=proxies
        )
    if config["DRENGR_UI"] == "off":
        return
    app.register_blueprint(page)
    app.add_url_rule("/", view_func=front_door, methods=["GET"], provide_automatic_options=False)
    app.before_request(errors.stray)
    app.after_request(secured)
    app.jinja_env.globals |= {"changed": changed, "ranges": RANGES}
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True


def front_door() -> Response:
    """To the page for whoever reads HTML; for others there is nothing here (contract 7)."""
    if "text/html" not in request.headers.get("Accept", ""):
        raise ApiError(404, "not found")
    return seen_at(f"{request.root_path}/ui/", 302)
