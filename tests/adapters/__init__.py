"""Adapters against their protocol."""
