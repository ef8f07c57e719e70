"""The app config under the name that the integration's import path has."""

from airlock_django.apps import AirlockConfig as _AirlockConfig


class AirlockConfig(_AirlockConfig):
    """`INSTALLED_APPS = ["airlock.integrations.django"]`."""

    name = "airlock.integrations.django"
    default = True  # of the two that Django finds in this module
