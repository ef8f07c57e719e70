"""What stands around airlock's own middleware: the correlation id and the audit of a request."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from orders.audit import report
from orders.correlation import correlated


def correlation(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[..., HttpResponse]:
    """Bind the correlation id that a request brings, or a new one, until its scope has ended."""

    def answer(request: HttpRequest) -> HttpResponse:
        with correlated(request.headers.get("X-Correlation-ID")):
            return get_response(request)

    return answer


def audit(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[..., HttpResponse]:
    """Report each request's effects, before the client has the response."""

    def answer(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        scope = request.airlock_scope  # type: ignore[attr-defined]  # airlock's middleware adds it
        report(scope)
        return response

    return answer
