"""A Django site whose one view orders something: what leaves does so after the commit."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import django
from django.conf import settings
from django.db import transaction
from django.http import HttpResponse
from django.urls import path


def traced(get_response):
    """The middleware that an instrumentation of Django would be."""
    from opentelemetry import baggage, context, trace

    def respond(request):
        tracer = trace.get_tracer("web")
        token = context.attach(baggage.set_baggage("tenant", "acme"))
        name = f"{request.method} {request.path}"
        with tracer.start_as_current_span(name, kind=trace.SpanKind.SERVER):
            response = get_response(request)
        context.detach(token)
        return response

    return respond


def request(enqueue: Callable[[], object], never: Callable[[], object], executor: str = "") -> None:
    """Make a request that rolls back a savepoint, and commits an order.

    Args:
        enqueue: what the view does in the transaction.
        never: what it does in the savepoint that is rolled back.
        executor: the executor of the site, if not what each task says.
    """

    def order(request):
        with transaction.atomic():
            with suppress(ZeroDivisionError), transaction.atomic():
                never()
                raise ZeroDivisionError
            enqueue()
        return HttpResponse("ordered")

    site = type("urls", (), {"urlpatterns": [path("orders", order)]})
    settings.configure(
        AIRLOCK={"EXECUTOR": executor} if executor else {},
        ALLOWED_HOSTS=["testserver"],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        INSTALLED_APPS=["airlock_django"],
        MIDDLEWARE=["opentelemetry_web.traced", "airlock_django.AirlockMiddleware"],
        ROOT_URLCONF=site,
    )
    django.setup()
    from django.test import Client

    response = Client().post("/orders")
    assert response.content == b"ordered"
