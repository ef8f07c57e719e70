"""Brokers that refuse, hang, or go away."""

from __future__ import annotations


def test_redis_fails(make_project):
    """The claims of tests/django_q/inside/redis_failures.py hold."""
    make_project("redis").passes("redis_failures.py")


def test_postgresql_fails(make_project):
    """The claims of tests/django_q/inside/database_failures.py hold."""
    make_project("postgres").passes("database_failures.py")
