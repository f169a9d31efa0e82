"""gunicorn as the page on scaling has it, with two workers."""

import tests.benchmarks.host_app  # noqa: F401 - imported before the workers are forked

workers = 2
worker_class = "gthread"
threads = 4
keepalive = 30
