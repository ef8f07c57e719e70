"""The client that a flush uses: to the same server as the Huey's own, wherever that is."""

from __future__ import annotations

import gc
import subprocess
import sys
import time
import weakref

import pytest
import redis
import redis.sentinel
from huey import RedisHuey

import airlock
import redis_sentinel
import servers
from airlock_huey import brokers


def numbers(huey) -> list[int]:
    return [task.args[0] for task in huey.pending()]


@pytest.fixture
def path_redis():
    with redis_sentinel.PathRedis() as server:
        yield server


def test_a_redis_at_a_path(path_redis, make_task):
    """A Unix socket serves, and has the deadline."""
    airlock.configure(broker_timeout=1)
    pool = redis.ConnectionPool(
        connection_class=redis.UnixDomainSocketConnection, path=path_redis.path, db=3
    )
    huey = RedisHuey("shop", connection_pool=pool)
    add = make_task(huey)
    with airlock.scope():
        airlock.enqueue(add, 1)
    assert numbers(huey) == [1]

    path_redis.pause()
    started = time.monotonic()
    with pytest.raises(airlock.DispatchError), airlock.scope():
        airlock.enqueue(add, 2)
    took = time.monotonic() - started
    path_redis.resume()
    assert took < 2.5
    pool.disconnect()


def test_a_redis_behind_a_sentinel(make_task):
    """The master is asked for, with the deadline for the Sentinel as well."""
    airlock.configure(broker_timeout=1)
    with servers.Redis() as master, redis_sentinel.Sentinel(master) as sentinel:
        asked = redis.sentinel.Sentinel([(sentinel.host, sentinel.port)])
        pool = asked.master_for("shop", db=3).connection_pool
        huey = RedisHuey("shop", connection_pool=pool)
        add = make_task(huey)
        with airlock.scope():
            airlock.enqueue(add, 1)
        assert numbers(huey) == [1]

        brokers._clients.clear()
        sentinel.pause()
        started = time.monotonic()
        with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
            airlock.enqueue(add, 2)
        took = time.monotonic() - started
        sentinel.resume()
        assert took < 5
        caught.value.retry()
        assert numbers(huey) == [1, 2]
        pool.disconnect()
        asked.sentinels[0].close()


def test_a_redis_with_a_password(make_task):
    """Who the Huey is, its client is."""
    with servers.Redis() as server:
        with redis.Redis(host=server.host, port=server.port) as client:
            client.acl_setuser("shop", True, passwords=["+secret"], keys=["*"], commands=["+@all"])
            client.acl_setuser("default", False)
        url = f"redis://shop:secret@{server.host}:{server.port}/3"
        huey = RedisHuey("shop", url=url)
        add = make_task(huey)
        with airlock.scope():
            airlock.enqueue(add, 1)
        assert numbers(huey) == [1]
        huey.storage.pool.disconnect()


def test_a_user_that_may_only_send(make_task):
    """One that may not say PING is not down."""
    with servers.Redis() as server:
        commands = ["-@all", "+lpush", "+lrange", "+multi", "+exec", "+client", "+select"]
        with redis.Redis(host=server.host, port=server.port) as client:
            client.acl_setuser("shop", True, passwords=["+secret"], keys=["*"], commands=commands)
        huey = RedisHuey("shop", url=f"redis://shop:secret@{server.host}:{server.port}/3")
        add = make_task(huey)
        with airlock.scope():
            airlock.enqueue(add, 1)
        assert numbers(huey) == [1]
        huey.storage.pool.disconnect()


def test_another_deadline_is_another_client(huey, add):
    """What `configure(broker_timeout=...)` says counts from the next flush on."""
    seconds = []
    for timeout in (3, 3, 7):
        airlock.configure(broker_timeout=timeout)
        client = brokers.bounded_client(huey.storage)
        assert client is brokers.bounded_client(huey.storage)
        seconds.append(client.connection_pool.connection_kwargs["socket_timeout"])

    assert seconds == [3, 3, 7]


def test_a_client_ends_with_its_huey(make_task, broker):
    """Nothing keeps the connections of a Huey that is gone."""
    huey = RedisHuey("shop", url=broker)
    client = weakref.ref(brokers.bounded_client(huey.storage))
    assert client() is not None
    huey.storage.pool.disconnect()
    del huey
    gc.collect()

    assert client() is None


def test_a_process_that_forks_has_connections_of_its_own(broker):
    """Parent and child send at the same time, each on its own line."""
    program = f"""
import os
import airlock
from huey import RedisHuey
huey = RedisHuey("shop", url={broker!r})

@huey.task()
def add(number): ...

def send(first):
    for number in range(first, first + 100):
        with airlock.scope():
            airlock.enqueue(add, number)

send(0)
child = os.fork()
send(100 if child else 200)
if child:
    assert os.waitpid(child, 0)[1] == 0
    print(sorted(task.args[0] for task in huey.pending()) == list(range(300)))
"""
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120
    )

    assert run.stdout.strip() == "True", run.stderr
