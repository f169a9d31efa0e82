"""An offline stand-in for the vendor Jumio, in both of its generations.

For tests and for trying an application out; never a part of a deployment.
"""

from __future__ import annotations

from .app import create_sandbox
from .errors import ControlError
from .server import SandboxServer
from .state import Sandbox

__all__ = ["ControlError", "Sandbox", "SandboxServer", "create_sandbox"]
