"""The payment provider, as far as an example needs one."""

import time


class PaymentError(Exception):
    """The provider does not answer."""


def charge(card: str) -> None:
    """Charge a card.

    It takes its time, inside the transaction of the order. Whatever were sent too early would
    reach the worker now, before the row is there.
    """
    time.sleep(0.2)
    if card == "broken":
        raise PaymentError("the payment provider does not answer")
