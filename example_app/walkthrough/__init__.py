"""The whole story, played as an HTTP client: what a person would click, checked from outside."""

from .run import walk

__all__ = ["walk"]
