"""The ready policies: which tasks leave, how many, once each, and what is logged."""

from __future__ import annotations

import logging
from functools import partial

import pytest

import airlock
from airlock import DispatchError, Policy, PolicyViolation, State
from airlock.testing import RecordingExecutor
from counting import Counts


def ends_of(policy, *calls):
    """Enqueue in a scope with this policy, and say how each intent ended."""
    with airlock.scope(policy=policy):
        intents = [airlock.enqueue(*call) for call in calls]
    return [intent.state for intent in intents]


class Shop:
    """Something with a method that is a task."""

    def send_email(self, value=None):
        """Do nothing."""


def send_email(value=None):
    """A task of this module."""


def send_sms(value=None):
    """Another."""


@pytest.mark.parametrize("known", ["send_email", f"{__name__}.send_email", send_email])
def test_block_tasks_knows_a_task_by_its_names_and_itself(known):
    """Short name, dotted name or the object, also inside partials of partials."""
    policy = airlock.BlockTasks([known])
    assert ends_of(
        policy, (send_email,), (send_sms,), (partial(partial(send_email, 1)),), (partial(send_sms),)
    ) == [State.DENIED, State.DISPATCHED, State.DENIED, State.DISPATCHED]


def test_block_tasks_sees_into_the_canvas_of_a_queue():
    """A plugin's members() says what is inside a task of its queue, at any depth."""

    class Canvas(list):
        def __call__(self):
            pass

    class Queue(RecordingExecutor):
        def members(self, task):
            return task if isinstance(task, Canvas) else None

    queue = Queue()
    airlock.register(queue, "queue")
    canvas = Canvas([send_sms, Canvas([partial(send_email, 1)])])
    with airlock.scope(policy=airlock.BlockTasks({send_email}), executor="queue"):
        blocked = airlock.enqueue(canvas)
        allowed = airlock.enqueue(Canvas([send_sms]))
    assert [blocked.state, allowed.state] == [State.DENIED, State.DISPATCHED]
    assert "send_email" in blocked.outcome.reason


@pytest.mark.parametrize("policy", [airlock.BlockTasks, airlock.AllowTasks])
@pytest.mark.parametrize("tasks", ["send_email", b"send_email"])
def test_a_bare_string_is_refused(policy, tasks):
    """It would be a set of letters; the message shows what to write."""
    with pytest.raises(airlock.ConfigurationError, match=r"\(\{b?'send_email'\}\)"):
        policy(tasks)


@pytest.mark.parametrize("policy", [airlock.BlockTasks, airlock.AllowTasks])
def test_what_is_no_collection_is_refused(policy):
    """One task alone must be in a collection."""
    with pytest.raises(airlock.ConfigurationError, match="collection"):
        policy(send_email)


def test_block_tasks_can_refuse_at_the_enqueue():
    """raise_on_enqueue raises at the caller's line."""
    policy = airlock.BlockTasks({"send_email"}, raise_on_enqueue=True)
    with airlock.scope(policy=policy):
        airlock.enqueue(send_sms)
        with pytest.raises(PolicyViolation, match="send_email"):
            airlock.enqueue(send_email)


def test_an_anonymous_task_is_known_by_itself_alone(left):
    """Blocking one lambda, closure, instance or Mock does not block the others of its place."""
    closures = [lambda value, n=n: left.append(n) for n in range(2)]
    with airlock.scope(policy=airlock.BlockTasks([closures[0]])):
        for closure in closures:
            airlock.enqueue(closure, "x")
    assert left == [1]


def test_allow_tasks_lets_only_those_leave():
    """Everything that is not listed is denied, partials of it too."""
    policy = airlock.AllowTasks([send_email])
    assert ends_of(policy, (send_email,), (send_sms,), (partial(send_sms),)) == [
        State.DISPATCHED,
        State.DENIED,
        State.DENIED,
    ]


def test_max_intents_is_a_cap(send, left):
    """One too many raises at its line, and what was accepted leaves."""
    with airlock.scope(policy=airlock.MaxIntents(2)):
        airlock.enqueue(send, 1)
        airlock.enqueue(send, 2)
        with pytest.raises(PolicyViolation, match="MaxIntents allows 2"):
            airlock.enqueue(send, 3)
    assert left == [1, 2]


def test_max_intents_counts_inner_scopes_too(send):
    """An inner scope is no way around the cap of the one around it."""
    with airlock.scope(policy=airlock.MaxIntents(2)):
        for value in (1, 2):
            with airlock.scope():
                airlock.enqueue(send, value)
        with airlock.scope(), pytest.raises(PolicyViolation):
            airlock.enqueue(send, 3)


@pytest.mark.parametrize("where", ["registered", "configured", "local"])
@pytest.mark.parametrize("policy", [airlock.MaxIntents(1), airlock.Deduplicate()], ids=repr)
def test_counting_policies_share_nothing_between_scopes(send, left, where, policy):
    """One object in use everywhere counts in each scope anew."""
    local = airlock.AllowAll()
    if where == "registered":
        airlock.register(policy)
    elif where == "configured":
        airlock.configure(policy=policy)
    else:
        local = policy
    for _ in range(3):
        with airlock.policy(local), airlock.scope():
            airlock.enqueue(send, 1)
    assert left == [1, 1, 1]


def test_deduplicate_does_not_take_an_intent_for_its_own_duplicate(send):
    """Asked twice about one intent, as after an interrupt, it answers the same."""
    with airlock.scope() as scope:
        policy = airlock.Deduplicate().for_scope(scope)
        intent, again = airlock.enqueue(send, 1), airlock.enqueue(send, 1)
        assert policy.allows(intent) is policy.allows(intent) is True
        assert not policy.allows(again)


@pytest.mark.parametrize("limit", [-1, True, 1.5, "3", None])
def test_max_intents_takes_a_number(limit):
    """Anything else is refused when the policy is made."""
    with pytest.raises(airlock.ConfigurationError):
        airlock.MaxIntents(limit)


def test_deduplicate_lets_the_first_leave():
    """Same task, arguments and options: one intent. Anything different: another."""
    policy = airlock.Deduplicate()
    recorder = RecordingExecutor()
    unhashable = [{"a": [1, {2}]}]
    with airlock.scope(policy=policy, executor=recorder):
        first = airlock.enqueue(send_email, unhashable)
        again = airlock.enqueue(send_email, [{"a": [1, {2}]}])
        airlock.enqueue(send_email, 1)
        airlock.enqueue(send_email, True)
        airlock.enqueue(send_email, 1.0)
        airlock.enqueue(send_email, value=1)
        airlock.enqueue(send_sms, 1)
        airlock.enqueue(send_email, 1, _dispatch_options={"queue": "low"})
    assert first.state is State.DISPATCHED
    assert again.state is State.DENIED
    assert again.outcome.by == "Deduplicate"
    assert len(recorder) == 7


def test_deduplicate_never_confuses_what_cannot_be_hashed():
    """Two unhashable objects are two, also where one has taken the other's place in memory."""

    class Unhashable:
        __hash__ = None  # type: ignore[assignment]

    policy = airlock.Deduplicate(key=lambda intent: Unhashable())
    assert ends_of(policy, *[(send_email, n) for n in range(50)]) == [State.DISPATCHED] * 50


def test_deduplicate_by_a_key(send, left):
    """A key function says what is the same."""
    with airlock.scope(policy=airlock.Deduplicate(key=lambda intent: intent.args[0] % 2)):
        for value in range(5):
            airlock.enqueue(send, value)
    assert left == [0, 1]


def test_an_argument_with_a_strange_eq_denies_itself_alone(left):
    """An __eq__ that raises is a policy that raised, for that intent."""

    class Strange:
        def __eq__(self, other):
            raise RuntimeError("never compare me")

        def __hash__(self):
            return 1

    with pytest.raises(DispatchError) as caught, airlock.scope(policy=airlock.Deduplicate()):
        intents = [airlock.enqueue(send_email, value) for value in (Strange(), Strange(), 3)]
    assert [intent.state for intent in intents] == [
        State.DISPATCHED,
        State.DENIED,
        State.DISPATCHED,
    ]
    assert caught.value.denied == (intents[1],)


def test_log_on_flush_never_logs_a_value(caplog):
    """It logs name, shape and origin at the door, and nothing in a dry run."""
    with caplog.at_level(logging.INFO, "airlock"):
        with airlock.scope(policy=airlock.LogOnFlush()) as scope:
            airlock.enqueue(send_email, "secret")
            scope.plan()
            assert caplog.text == ""
    assert "send_email(str)" in caplog.text
    assert "secret" not in caplog.text


def test_log_on_flush_takes_a_logger_and_a_level(caplog):
    """Both can be chosen."""
    logger = logging.getLogger("mine")
    with caplog.at_level(logging.DEBUG, "mine"):
        with airlock.scope(policy=airlock.LogOnFlush(logger, logging.DEBUG)):
            airlock.enqueue(send_email)
    assert [record.levelname for record in caplog.records] == ["DEBUG"]


def test_a_composite_asks_each_until_one_denies(send):
    """All observe; the first denial counts, and names the policy inside."""
    first, last = Counts(), Counts()
    policy = airlock.CompositePolicy(first, airlock.DropAll(), last)
    with airlock.scope(policy=policy):
        intent = airlock.enqueue(send, 1)
    assert first.enqueued == last.enqueued == [intent]
    assert (first.judged, last.judged) == ([intent], [])
    assert intent.outcome.by == "DropAll"


def test_a_composite_names_the_policy_that_forgot_to_answer(send):
    """The culprit is named, not the composite."""
    forgetful = type("Forgetful", (Policy,), {"allows": lambda self, intent: None})()
    with pytest.raises(DispatchError) as caught:
        ends_of(airlock.CompositePolicy(forgetful), (send, 1))
    assert "Forgetful.allows()" in str(caught.value.exceptions[0])


def test_a_composite_counts_per_scope(send, left):
    """The counting policies inside it start anew in each scope."""
    policy = airlock.CompositePolicy(airlock.MaxIntents(1), airlock.Deduplicate())
    for _ in range(2):
        with airlock.scope(policy=policy):
            airlock.enqueue(send, 1)
    assert left == [1, 1]


def test_a_composite_takes_policies_alone():
    """A class inside it is refused."""
    with pytest.raises(airlock.ConfigurationError):
        airlock.CompositePolicy(airlock.DropAll)


def test_the_names_of_the_tasks_inside_are_public(send):
    """A policy that goes by names can look into partials and canvases."""
    with airlock.scope() as scope:
        intent = airlock.enqueue(partial(send, 1))
        scope.discard()
    assert [name.rpartition(".")[2] for name in intent.task_names()][-1] == "send"
