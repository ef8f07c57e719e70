"""Greenlets, in a process that gevent has patched."""

from __future__ import annotations

import pytest

PROGRAM = """
    from gevent import monkey
    monkey.patch_all()
    import gevent, gevent.pool, threading
    import airlock

    left = []

    # A greenlet of its own, with a scope of its own, sees no other's.
    def request(number):
        with airlock.scope() as scope:
            for step in range(5):
                airlock.enqueue(left.append, (number, step))
                gevent.sleep(0)
                assert airlock.get_current_scope() is scope
            assert len(scope) == 5, len(scope)

    gevent.joinall([gevent.spawn(request, n) for n in range(20)], raise_error=True)
    assert sorted(left) == [(n, s) for n in range(20) for s in range(5)]
    assert airlock.get_current_scope() is None

    # {claim}
    left.clear()
    with airlock.scope(name="request") as scope:
        {start}
        assert left == [], left
    assert left == {expected}, left

    # Late is an error that names the scope.
    with airlock.scope(name="request 7"):
        late = airlock.carry(lambda: airlock.enqueue(left.append, "late"))
    try:
        gevent.spawn(late).get()
    except airlock.ScopeStateError as error:
        assert "request 7" in str(error)
    else:
        raise AssertionError("not told")
    print("ok")
"""


@pytest.mark.parametrize(
    ("claim", "start", "expected"),
    [
        (
            "Carried, a greenlet's intents belong to the scope.",
            "gevent.spawn(airlock.carry(lambda: airlock.enqueue(left.append, 1))).get()",
            "[1]",
        ),
        (
            "A pool of greenlets can be carried as a whole.",
            "gevent.pool.Pool(3).map("
            "airlock.carry(lambda n: airlock.enqueue(left.append, n)), range(5))",
            "[0, 1, 2, 3, 4]",
        ),
        (
            "A patched thread starts with no scope, too.",
            "errors = []; t = threading.Thread(target=lambda: "
            "errors.append(airlock.get_current_scope())); t.start(); t.join(); "
            "assert errors == [None], errors",
            "[]",
        ),
    ],
)
def test_greenlets(python, claim, start, expected):
    """Greenlets are isolated or carried, as threads are."""
    program = PROGRAM
    for key, value in (("claim", claim), ("start", start), ("expected", expected)):
        program = program.replace("{" + key + "}", value)
    run = python(program, AIRLOCK_PLUGINS="")
    assert run.stdout.strip() == "ok", run.stderr


def test_a_plain_greenlet_is_isolated(python):
    """Without carry() a greenlet has no scope, whoever spawned it."""
    run = python(
        """
        from gevent import monkey
        monkey.patch_all()
        import gevent, gevent.pool, airlock
        with airlock.scope():
            seen = [gevent.spawn(airlock.get_current_scope).get()]
            seen += gevent.pool.Pool(2).map(lambda _: airlock.get_current_scope(), range(3))
        print(seen)
        """,
        AIRLOCK_PLUGINS="",
    )
    assert run.stdout.strip() == "[None, None, None, None]", run.stderr
