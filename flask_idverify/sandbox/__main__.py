"""``python -m flask_idverify.sandbox``: run the stand-in from a shell."""

import sys

from .program import main

sys.exit(main())
