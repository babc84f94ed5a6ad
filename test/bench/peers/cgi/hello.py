# The gateway of Python's standard library.
from wsgiref.handlers import CGIHandler


def hello(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"Hello, world!"]


CGIHandler().run(hello)
