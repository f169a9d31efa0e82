"""Jumio, in both generations: API v4 (Netverify Web) and the Platform (KYX).

``v4`` and ``platform`` hold the adapters; what a result means is in their ``_mapping`` modules.
"""
