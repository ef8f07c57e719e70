"""Commands are packed as redis-py packs them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis import Redis
from redis.connection import Connection
from redis.exceptions import DataError
from rq import Queue

from airlock_rq.brokers import client_of
from airlock_rq.packing import Packer

names = st.sampled_from(["HSET", "SCRIPT LOAD", b"RPUSH", b"CONFIG GET", "hset"])
parts = st.one_of(
    st.binary(max_size=9),
    st.binary(min_size=7000, max_size=7001),
    st.binary().map(memoryview),
    st.text(st.characters(codec="utf-8")),
    st.integers(),
    st.floats(),
)


@given(names, st.lists(parts, max_size=5))
def test_a_packed_command_is_redis_pys_byte_for_byte(name, parts):
    """Whatever the parts are, what is sent is the same."""
    own = Connection()

    packed = Packer(own.encoder.encode).pack(name, *parts)

    assert b"".join(packed) == b"".join(own.pack_command(name, *parts))


@pytest.mark.parametrize("nothing", [None, True, object(), ["a list"]])
def test_what_redis_cannot_be_given_is_refused(nothing):
    """A part that redis-py refuses is refused here, with the same error."""
    with pytest.raises(DataError):
        Packer(Connection().encoder.encode).pack("SET", "key", nothing)


def test_airlocks_connections_pack_so(queue):
    """The connections of airlock's own have the packer; the application's keep theirs."""
    pool = client_of(queue).connection_pool

    assert isinstance(pool.connection_kwargs["command_packer"], Packer)
    assert "command_packer" not in queue.connection.connection_pool.connection_kwargs


def test_an_applications_own_packer_is_kept(connect, url):
    """Where the application's connections have a packer of their own, airlock's have that, too."""

    class Loud(Packer):
        """A packer of the application's."""

    loud = Loud(Connection().encoder.encode)
    theirs: Redis = connect(url, command_packer=loud)
    client = client_of(Queue(connection=theirs))

    assert client.ping()
    assert client.connection_pool.connection_kwargs["command_packer"] is loud
