from django.http import JsonResponse

from orders import acts
from orders.models import Order
from orders.queue import work_off
from orders.tasks import confirm, sender


def order(request):
    """Place an order in the transaction of the request."""
    customer, outcome = request.GET["customer"], request.GET["outcome"]
    acts.order(customer, "A", sender(request.GET["how"]))
    work_off(children=2)
    if outcome == "raises":
        raise acts.Broken
    return JsonResponse({}, status=int(outcome))


def upload(request):
    """Answer with the id of what will run, as the view of Celery's documentation does."""
    saved = Order.objects.create(customer=request.GET["customer"], name="upload")
    result = confirm.delay_on_commit(saved.customer, saved.name)
    return JsonResponse({"task_id": result.id})
