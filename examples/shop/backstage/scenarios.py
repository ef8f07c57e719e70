"""The scenarios: what the demo does to the shop, and what must be true afterwards."""

from dataclasses import dataclass, field

LEFT = "dispatched"
SAVED, POINTS, REMINDED = "Order.save", "LoyaltyEntry.save", "Order.remind"


@dataclass(frozen=True)
class Effect:
    """One effect that must be asked for, and what must become of it."""

    task: str
    order: str
    asked_in: str
    outcome: str = LEFT

    @property
    def leaves(self) -> bool:
        """Whether it must leave."""
        return self.outcome == LEFT


@dataclass(frozen=True)
class Request:
    """An order, sent to the shop by HTTP."""

    path: str
    form: dict[str, str]
    status: int = 200

    def __str__(self) -> str:
        """Show it as a person would write it."""
        return f"POST {self.path}  " + " ".join(
            f"{key}={value}" for key, value in self.form.items()
        )


@dataclass(frozen=True)
class Command:
    """A management command, started as a process of its own."""

    arguments: tuple[str, ...]
    prints: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Show it as a person would type it."""
        return " ".join(("manage.py", *self.arguments))


@dataclass(frozen=True)
class Scenario:
    """One thing that is done to the shop.

    Attributes:
        title: what it shows.
        act: the request or the command.
        effects: what it must ask for, in this order, and no more.
        rows: names of `QUERIES`, and what each must find right afterwards.
    """

    title: str
    act: Request | Command
    effects: tuple[Effect, ...]
    rows: dict[str, tuple[str, ...]] = field(default_factory=dict)


def _order(number: str, customer: str, item: str, card: str = "good") -> dict[str, str]:
    return {"number": number, "customer": customer, "item": item, "card": card}


def _placed(
    number: str, mail: str = LEFT, warehouse: str = LEFT, points: str = LEFT
) -> tuple[Effect, ...]:
    return (
        Effect("send_confirmation", number, SAVED, mail),
        Effect("notify_warehouse", number, SAVED, warehouse),
        Effect("add_loyalty_points", number, POINTS, points),
    )


def _reminded(outcome: str = LEFT) -> tuple[Effect, ...]:
    return tuple(
        Effect("send_reminder", number, REMINDED, outcome) for number in ("T-1", "T-3", "T-4")
    )


ORDERS, WITH_POINTS, REMINDERS = "orders", "orders with points", "orders with a reminder"
QUERIES = {
    ORDERS: "SELECT number FROM orders_order ORDER BY number",
    WITH_POINTS: "SELECT order_id FROM orders_loyaltyentry ORDER BY order_id",
    REMINDERS: "SELECT number FROM orders_order WHERE reminded ORDER BY number",
}
FAILED = "discarded: response 500"
BLOCKED = "denied by BlockTasks: blocks orders.tasks.send_confirmation"


def scenarios(queue: str) -> tuple[Scenario, ...]:
    """Return the scenarios: the same on each queue, but for its name in what is printed."""
    return (
        Scenario(
            "An order that succeeds",
            Request("/checkout/", _order("T-1", "ann", "tea")),
            _placed("T-1"),
            {ORDERS: ("T-1",), WITH_POINTS: ("T-1",)},
        ),
        Scenario(
            "An order that fails: the payment raises, the transaction rolls back, "
            "the answer is a 500",
            Request("/checkout/", _order("T-2", "bob", "tea", "broken"), 500),
            _placed("T-2", FAILED, FAILED, FAILED),
            {ORDERS: ("T-1",), WITH_POINTS: ("T-1",)},
        ),
        Scenario(
            "An order whose savepoint is rolled back: too many points, and it goes on without them",
            Request("/checkout/", _order("T-3", "cem", "samovar")),
            _placed("T-3", points="rolled back"),
            {ORDERS: ("T-1", "T-3"), WITH_POINTS: ("T-1",)},
        ),
        Scenario(
            "An order under a BlockTasks policy: the customer wants no e-mail",
            Request("/checkout/?quiet=1", _order("T-4", "dora", "kettle")),
            _placed("T-4", mail=BLOCKED),
            {ORDERS: ("T-1", "T-3", "T-4"), WITH_POINTS: ("T-1", "T-4")},
        ),
        Scenario(
            "A dry run of the command: it says what it would send, and undoes its work",
            Command(
                ("remind", "--dry-run-effects"),
                ("dry run: 3 effects, none sent",)
                + 3 * (f"orders.tasks.send_reminder: would leave through {queue}",),
            ),
            _reminded("discarded: dry run"),
            {REMINDERS: ()},
        ),
        Scenario(
            "The command",
            Command(("remind",)),
            _reminded(),
            {REMINDERS: ("T-1", "T-3", "T-4")},
        ),
    )
