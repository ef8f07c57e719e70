"""The one page of the shop."""

from contextlib import nullcontext

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_POST

import airlock
from orders import services

no_mail = airlock.BlockTasks({"send_confirmation", "send_reminder"})


@require_POST
def checkout(request: HttpRequest) -> HttpResponse:
    """Place an order; with `?quiet=1` the customer gets no e-mail."""
    quiet = "quiet" in request.GET
    with airlock.policy(no_mail) if quiet else nullcontext():
        order = services.checkout(
            number=request.POST["number"],
            customer=request.POST["customer"],
            item=request.POST["item"],
            card=request.POST["card"],
        )
    return JsonResponse({"number": order.number})
