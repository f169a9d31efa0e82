"""The whole thing over real sockets: app, sandbox and client are three programs that talk HTTP."""
