"""Inside a test's own transaction, effects leave when they would in production."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from django.contrib.auth.models import Group, User
from django.db import connections, transaction
from django.http import HttpRequest, HttpResponse
from django.test import SimpleTestCase, TestCase, TransactionTestCase, override_settings
from django.urls import path

import airlock
from airlock import State
from airlock_django.testing import captured_effects
from twinapp.models import Row

sent: list[str] = []


def view(request: HttpRequest) -> HttpResponse:
    """Enqueue, in the database's transaction and outside it."""
    with transaction.atomic():
        Row.objects.create(token="row")
        airlock.enqueue(sent.append, "inside")
        assert sent == []
    airlock.enqueue(sent.append, "outside")
    return HttpResponse(status=int(request.GET.get("status", "200")))


urlpatterns = [path("", view)]


@pytest.fixture(autouse=True)
def _clear() -> None:
    sent.clear()


class Blocks(TestCase):
    """The blocks of the application above the test's own transaction."""

    databases: ClassVar[set[str]] = {"default", "other"}

    def test_without_a_block_of_its_own(self) -> None:
        """In production this would be autocommit, so the effect leaves with its scope."""
        with airlock.scope():
            Row.objects.create(token="a")
            airlock.enqueue(sent.append, "a")
        assert sent == ["a"]

    def test_the_outermost_block_is_the_commit(self) -> None:
        """The end of an inner block is a savepoint, and the end of the outer one sends."""
        with transaction.atomic():
            with transaction.atomic(), airlock.scope():
                airlock.enqueue(sent.append, "a")
            assert sent == []
        assert sent == ["a"]

    def test_without_a_savepoint(self) -> None:
        """An outermost `atomic(savepoint=False)` executes no statement here, and sends as well."""
        with airlock.scope():
            with transaction.atomic(savepoint=False):
                airlock.enqueue(sent.append, "a")
            assert sent == []
        assert sent == ["a"]
        with transaction.atomic(savepoint=False):
            with airlock.scope():
                airlock.enqueue(sent.append, "b")
            assert sent == ["a"]
        assert sent == ["a", "b"]

    def test_signals_of_a_delete_and_of_a_save(self) -> None:
        """`Model.delete()` opens such a block, and so does a save over several tables."""
        from django.db.models.signals import post_delete, post_save

        def enqueue(sender: Any, instance: Any, **kwargs: Any) -> None:
            airlock.enqueue(sent.append, f"{sender.__name__} {instance.pk is not None}")

        for signal in (post_save, post_delete):
            signal.connect(enqueue)
        try:
            with airlock.scope():
                user = User.objects.create(username="ann")
                user.groups.add(Group.objects.create(name="staff"))
                user.delete()
                assert sent == []
            assert sent == ["User True", "Group True", "User True"]
        finally:
            for signal in (post_save, post_delete):
                signal.disconnect(enqueue)

    def test_a_block_that_raises(self) -> None:
        """It is rolled back to a savepoint, and its effect with it."""
        with airlock.scope() as scope:
            with pytest.raises(ZeroDivisionError), transaction.atomic():
                Row.objects.create(token="a")
                airlock.enqueue(sent.append, "a")
                raise ZeroDivisionError
            with transaction.atomic():
                airlock.enqueue(sent.append, "b")
        assert sent == ["b"]
        assert scope.intents[0].state is State.ROLLED_BACK
        assert not Row.objects.exists()

    def test_a_block_that_raises_in_a_waiting_scope(self) -> None:
        """The same where the scope is inside the block."""
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            with airlock.scope() as scope:
                airlock.enqueue(sent.append, "a")
            raise ZeroDivisionError
        assert sent == []
        assert scope.intents[0].state is State.ROLLED_BACK

    def test_set_rollback(self) -> None:
        """`set_rollback(True)` in a block undoes it without an exception."""
        with airlock.scope(), transaction.atomic():
            airlock.enqueue(sent.append, "a")
            transaction.set_rollback(True)
        assert sent == []

    def test_without_a_savepoint_that_raises(self) -> None:
        """A block that cannot be rolled back alone dooms the test's transaction, too."""
        with airlock.scope(), pytest.raises(ZeroDivisionError):
            with transaction.atomic(savepoint=False):
                airlock.enqueue(sent.append, "a")
                raise ZeroDivisionError
        assert sent == []
        assert connections["default"].needs_rollback
        transaction.set_rollback(False)

    def test_durable(self) -> None:
        """`durable=True` is allowed directly above the test's transaction."""
        with airlock.scope(), transaction.atomic(durable=True):
            airlock.enqueue(sent.append, "a")
        assert sent == ["a"]

    def test_two_databases(self) -> None:
        """Each has a floor of its own; the effect waits for both blocks."""
        with airlock.scope():
            with transaction.atomic(using="other"):
                with transaction.atomic():
                    airlock.enqueue(sent.append, "a")
        assert sent == ["a"]
        with transaction.atomic(using="other"):
            with transaction.atomic(), airlock.scope():
                airlock.enqueue(sent.append, "b")
            assert sent == ["a"]
        assert sent == ["a", "b"]

    def test_on_commit_callbacks_of_others_stay_what_they_are(self) -> None:
        """Without `captureOnCommitCallbacks` they do not run in a `TestCase`."""
        with transaction.atomic():
            transaction.on_commit(lambda: sent.append("callback"))
            with airlock.scope():
                airlock.enqueue(sent.append, "effect")
        assert sent == ["effect"]

    def test_captured_callbacks_are_executed(self) -> None:
        """With `execute=True`, others' callbacks run, and no effect leaves twice."""
        with self.captureOnCommitCallbacks(execute=True):
            with transaction.atomic(), airlock.scope():
                airlock.enqueue(sent.append, "effect")
                transaction.on_commit(lambda: sent.append("callback"))
            assert sent == ["effect"]
        assert sent == ["effect", "callback"]

    def test_captured_callbacks_are_listed(self) -> None:
        """With `execute=False` they can be run by hand; that sends nothing again."""
        with self.captureOnCommitCallbacks() as callbacks:
            with transaction.atomic(), airlock.scope():
                airlock.enqueue(sent.append, "effect")
        assert [callback.__name__ for callback in callbacks] == ["airlock_release"]
        for callback in callbacks:
            callback()
        assert sent == ["effect"]

    def test_an_open_block_around_the_capture(self) -> None:
        """Callbacks that are executed inside an open block send what waits for it."""
        with transaction.atomic():
            with self.captureOnCommitCallbacks(execute=True), airlock.scope():
                airlock.enqueue(sent.append, "effect")
            assert sent == ["effect"]
        assert sent == ["effect"]

    def test_a_callback_enqueues(self) -> None:
        """A callback that is executed opens a scope, and the effect leaves."""

        def callback() -> None:
            with airlock.scope(), transaction.atomic():
                airlock.enqueue(sent.append, "from a callback")

        with self.captureOnCommitCallbacks(execute=True), transaction.atomic():
            transaction.on_commit(callback)
        assert sent == ["from a callback"]

    @override_settings(ROOT_URLCONF=__name__)
    def test_requests(self) -> None:
        """The client's requests are scopes, as in production."""
        assert self.client.get("/").status_code == 200
        assert sent == ["inside", "outside"]
        sent.clear()
        Row.objects.all().delete()
        assert self.client.get("/", {"status": "409"}).status_code == 409
        assert sent == []

    @override_settings(ROOT_URLCONF=__name__)
    async def test_async_requests(self) -> None:
        """The same in an async test."""
        assert (await self.async_client.get("/")).status_code == 200
        assert sent == ["inside", "outside"]

    def test_effects_can_be_recorded(self) -> None:
        """`captured_effects` records what leaves instead of running it, in its block alone."""
        with captured_effects() as effects:
            with airlock.scope(), transaction.atomic():
                airlock.enqueue(sent.append, "a")
            assert len(effects) == 1
        assert sent == []
        assert effects.calls[0][1] == ("a",)
        with airlock.scope():
            airlock.enqueue(sent.append, "b")
        assert sent == ["b"]
        assert len(effects) == 1

    def test_strict_is_on(self) -> None:
        """Wrong arguments fail where they are enqueued."""
        with airlock.scope(), pytest.raises(airlock.IntentError):
            airlock.enqueue(view)

    @override_settings(AIRLOCK={"STRICT": False})
    def test_strict_can_be_turned_off(self) -> None:
        """`AIRLOCK["STRICT"] = False` is obeyed in tests, too."""
        with airlock.scope() as scope:
            airlock.enqueue(view)
            scope.discard()


class Prepared(TestCase):
    """`setUpTestData` runs in a transaction of the class."""

    @classmethod
    def setUpTestData(cls) -> None:
        """Prepare rows, as their own code does it."""
        cls.prepared: list[str] = []
        with airlock.scope(), transaction.atomic():
            Row.objects.create(token="prepared")
            airlock.enqueue(cls.prepared.append, "a")
            assert cls.prepared == []
        cls.left = list(cls.prepared)

    def test_its_effects_have_left(self) -> None:
        """They left at the end of their own block."""
        assert self.left == ["a"]
        assert Row.objects.get().token == "prepared"


class Committed(TransactionTestCase):
    """A `TransactionTestCase` has no floor: commits are real."""

    def test_a_commit(self) -> None:
        """Effects and callbacks run at the commit, in their order."""
        with transaction.atomic():
            transaction.on_commit(lambda: sent.append("before"))
            with airlock.scope():
                airlock.enqueue(sent.append, "effect")
            transaction.on_commit(lambda: sent.append("after"))
        assert sent == ["before", "effect", "after"]


class Simple(SimpleTestCase):
    """No database may be used, and none is."""

    def test_a_scope(self) -> None:
        """A scope asks no database."""
        with airlock.scope():
            airlock.enqueue(sent.append, "a")
        assert sent == ["a"]


def test_the_fixture_db(db: None) -> None:
    """pytest-django's `db` is a floor as well."""
    with transaction.atomic():
        with airlock.scope():
            airlock.enqueue(sent.append, "a")
        assert sent == []
    assert sent == ["a"]


def test_the_fixture_for_callbacks(db: None, django_capture_on_commit_callbacks: Any) -> None:
    """pytest-django's `django_capture_on_commit_callbacks` runs others' callbacks alone."""
    with django_capture_on_commit_callbacks(execute=True):
        with transaction.atomic(), airlock.scope():
            airlock.enqueue(sent.append, "effect")
            transaction.on_commit(lambda: sent.append("callback"))
    assert sent == ["effect", "callback"]


FILES = {
    "shop/__init__.py": "",
    "shop/tests.py": """
        from django.db import transaction
        from django.test import TestCase, TransactionTestCase

        import airlock
        from twinapp.models import Row

        sent = []


        def take(token):
            sent.append(token)


        class First(TestCase):
            # The first block of the process is entered before airlock has seen any enqueue.
            databases = {"default", "other"}

            def setUp(self):
                sent.clear()

            def test_block(self):
                with transaction.atomic():
                    with airlock.scope():
                        Row.objects.create(token="a")
                        airlock.enqueue(take, "a")
                    self.assertEqual(sent, [])
                self.assertEqual(sent, ["a"])

            def test_block_without_savepoint(self):
                with transaction.atomic(savepoint=False, using="other"):
                    with airlock.scope():
                        airlock.enqueue(take, "a")
                    self.assertEqual(sent, [])
                self.assertEqual(sent, ["a"])

            def test_strict(self):
                with airlock.scope(), self.assertRaises(airlock.IntentError):
                    airlock.enqueue(take)


        class Second(First):
            pass


        class Third(TransactionTestCase):
            def test_block(self):
                sent.clear()
                with transaction.atomic(), airlock.scope():
                    airlock.enqueue(take, "a")
                self.assertEqual(sent, ["a"])
    """,
}


@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        (["shop"], 7),
        (["shop", "--parallel", "2"], 7),
        (["shop.tests.First.test_block"], 1),
        (["shop.tests.First.test_block_without_savepoint"], 1),
        (["shop", "--reverse"], 7),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else str(value),
)
def test_the_runner_of_django(run_django: Any, arguments: list[str], count: int) -> None:
    """`manage.py test` in a process of its own, in one process and in several."""
    done = run_django("test", *arguments, files=FILES)
    assert done.returncode == 0, done.stderr
    assert f"Ran {count} test" in done.stderr
