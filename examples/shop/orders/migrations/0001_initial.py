"""The tables of the orders and their points."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Order",
            fields=[
                ("number", models.CharField(max_length=20, primary_key=True, serialize=False)),
                ("customer", models.CharField(max_length=100)),
                ("item", models.CharField(max_length=100)),
                ("price", models.PositiveIntegerField()),
                ("reminded", models.BooleanField(default=False)),
            ],
        ),
        migrations.CreateModel(
            name="LoyaltyEntry",
            fields=[
                (
                    "order",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        serialize=False,
                        to="orders.order",
                    ),
                ),
                ("points", models.PositiveIntegerField()),
            ],
        ),
    ]
