"""What is in the queues of django-q, for tests in the process of a project."""

from __future__ import annotations

from typing import Any

from django_q.brokers import get_broker
from django_q.conf import Conf
from django_q.models import OrmQ
from django_q.signing import SignedPackage


def packages(cluster: str | None = None) -> list[dict[str, Any]]:
    """The packages in the queue of a cluster, in its order."""
    if Conf.ORM:
        rows = OrmQ.objects.using(Conf.ORM).filter(key=cluster or Conf.CLUSTER_NAME)
        payloads = [row.payload for row in rows.order_by("pk")]
    else:
        broker = get_broker(cluster)
        payloads = [text.decode() for text in broker.connection.lrange(broker.list_key, 0, -1)]
        broker.connection.close()
    return [SignedPackage.loads(payload) for payload in payloads]


def empty(*clusters: str | None) -> None:
    """Empty the queues of clusters."""
    for cluster in clusters:
        get_broker(cluster).purge_queue()
