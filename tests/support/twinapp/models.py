"""The twin row."""

from __future__ import annotations

from django.db import models


class Row(models.Model):
    """A row that is written next to an enqueue, with the same token."""

    token = models.CharField(max_length=64, unique=True)

    class Meta:
        """Its app is no package of its own."""

        app_label = "twinapp"
