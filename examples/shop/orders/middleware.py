"""The audit of the requests. It stands outside airlock's own middleware: the scope has ended."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from orders.audit import report


def audit(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[..., HttpResponse]:
    """Report each request's effects, before the client has the response."""

    def answer(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        scope = request.airlock_scope  # type: ignore[attr-defined]  # airlock's middleware adds it
        report(scope)
        return response

    return answer
