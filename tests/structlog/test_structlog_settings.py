"""The settings: by a call, or in Django's `AIRLOCK["STRUCTLOG"]`; a wrong one says what is right."""

from __future__ import annotations

import pytest
from django.conf import UserSettingsHolder, global_settings, settings

import airlock
import airlock_structlog
from airlock_structlog.settings import KEYS, current


@pytest.fixture
def django():
    """Django's settings, for one test."""
    before = object.__getattribute__(settings, "_wrapped")
    settings._wrapped = UserSettingsHolder(global_settings)
    yield settings
    settings._wrapped = before


def test_a_setting_stays_until_it_is_set_anew():
    """What is not named in a call stays as it is."""
    airlock_structlog.configure(keys=["tenant"])
    airlock_structlog.configure(arguments="full")
    assert current().carried == (*KEYS, "tenant")
    assert current().arguments == "full"


def test_django_has_them_in_capitals(django):
    """They are followed when they change, and a call has the last word."""
    django.AIRLOCK = {"STRUCTLOG": {"KEYS": ["tenant"], "ARGUMENTS": "full"}}
    assert current().keys == ("tenant",)
    airlock_structlog.configure(arguments="shape")
    assert (current().keys, current().arguments) == (("tenant",), "shape")
    django.AIRLOCK = {}
    assert (current().keys, current().arguments) == ((), "shape")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"key": ["tenant"]}, "has no setting 'key'. Did you mean 'keys'?"),
        ({"keys": "tenant"}, "keys='tenant' must be a list of names"),
        ({"keys": [1]}, "must be a list of names"),
        ({"keys": ["event"]}, "Bind it by another name"),
        ({"redact": 7}, "redact=7 must be a list of names"),
        ({"arguments": "all"}, "must be 'shape' or 'full'"),
        ({"events": "yes"}, "must be True or False"),
    ],
)
def test_a_wrong_setting_says_what_is_right(wrong, said, django):
    """In a call and in Django's settings; nothing is set."""
    with pytest.raises(airlock.ConfigurationError, match="configure") as error:
        airlock_structlog.configure(**wrong)
    assert said in str(error.value)
    assert current() == airlock_structlog.Settings()
    django.AIRLOCK = {"STRUCTLOG": {name.upper(): value for name, value in wrong.items()}}
    with pytest.raises(airlock.ConfigurationError, match="STRUCTLOG"):
        current()


def test_the_setting_of_django_is_a_dictionary(django):
    """A list of keys alone is not enough."""
    django.AIRLOCK = {"STRUCTLOG": ["tenant"]}
    with pytest.raises(airlock.ConfigurationError, match="must be a dictionary"):
        current()
