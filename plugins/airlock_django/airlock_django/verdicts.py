"""Verdicts: what each policy and plugin said about an intent, for reports."""

from __future__ import annotations

from dataclasses import dataclass

from airlock import Intent, Outcome, State
from airlock_core.doors import local_doors
from airlock_core.names import name_of
from airlock_core.plugins import manager
from airlock_core.policies import overrides

_UNJUDGED = (State.DISCARDED, State.ROLLED_BACK, State.CAPTURED)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a policy or a plugin says about an intent.

    Attributes:
        by: its name.
        says: "allowed", "denied", or "not heard": another had denied it, or it was never judged.
        reason: why it denied.
    """

    by: str
    says: str
    reason: str = ""


def verdicts_on(intent: Intent, outcome: Outcome | None, *, judged: bool) -> tuple[Verdict, ...]:
    """List what the policies and plugins said that judge an intent, in the order they are asked.

    Args:
        intent: the intent.
        outcome: how it ended, or would; None where it would leave.
        judged: whether it was judged at all, really or in a dry run.
    """
    policies = [
        *local_doors(intent.policies, intent.scope),
        *(policy for policy, _ in intent.scope.doors),
    ]
    judges = [name_of(policy) for policy in policies if overrides(policy, "allows")]
    judges += [name for name, _ in manager.hooks.policy_check]
    if not judged or (outcome is not None and (outcome.state in _UNJUDGED or not outcome.judged)):
        return tuple(Verdict(name, "not heard") for name in judges)
    if outcome is None or outcome.state is not State.DENIED:
        return tuple(Verdict(name, "allowed") for name in judges)
    denied = Verdict(outcome.by, "denied", outcome.reason)
    if outcome.by not in judges:  # a denial may name somebody else than the policy
        return (*(Verdict(name, "not heard") for name in judges), denied)
    place = judges.index(outcome.by)
    return (
        *(Verdict(name, "allowed") for name in judges[:place]),
        denied,
        *(Verdict(name, "not heard") for name in judges[place + 1 :]),
    )
