from django.db import models


class Order(models.Model):
    """What the work writes: each test has a customer of its own."""

    customer = models.CharField(max_length=40)
    name = models.CharField(max_length=40)
    task_id = models.CharField(max_length=40, blank=True)


class Confirmation(models.Model):
    """What an effect writes: whether it has seen its order, and the id that it ran under."""

    customer = models.CharField(max_length=40)
    name = models.CharField(max_length=40)
    saw_order = models.BooleanField()
    task_id = models.CharField(max_length=40)
