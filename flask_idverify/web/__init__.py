"""Our blueprints, and their place in a host app. No vendor, no SQL."""

from __future__ import annotations

from typing import Any

from flask import Flask

from ..config import Settings
from . import admin, api, callbacks, framing, origins, user


def register(app: Flask, settings: Settings) -> None:
    """Mount every page under the configured prefix."""
    prefix = settings.url_prefix
    app.register_blueprint(user.blueprint, url_prefix=prefix)
    app.register_blueprint(api.blueprint, url_prefix=f"{prefix}/api")
    app.register_blueprint(admin.blueprint, url_prefix=f"{prefix}/admin")
    app.register_blueprint(callbacks.blueprint, url_prefix=prefix)
    origins.watch(app)
    framing.watch(app)

    def exempt() -> None:
        # The vendor cannot know a CSRF token; its keys are in the URL. The API checks the same
        # token itself, to answer with problem details instead of a page.
        protect: Any = app.extensions.get("csrf")
        if protect is not None:
            protect.exempt(callbacks.blueprint)
            protect.exempt(api.blueprint)

    exempt()
    # A CSRFProtect initialised after us checks in a later hook than this one.
    app.before_request(exempt)
