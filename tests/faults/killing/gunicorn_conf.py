"""gunicorn's settings in the kill test.

The master imports the app's code, so that a worker in the place of a killed one is up at once;
each worker still makes an app of its own.
"""

import tests.faults.host_app  # noqa: F401 - imported for the sake of the workers

workers = 2
worker_class = "gthread"
threads = 4
