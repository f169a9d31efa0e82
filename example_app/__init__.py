"""Alpenbank: an invented bank that shows Flask-IDVerify at work in a host of its own.

``python -m example_app`` serves it on this machine, together with a simulated vendor.
"""

from .app import create_app

__all__ = ["create_app"]
