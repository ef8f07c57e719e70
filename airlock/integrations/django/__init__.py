"""`INSTALLED_APPS = ["airlock.integrations.django"]`: the same as `"airlock_django"`."""

try:
    import airlock_django as _plugin
except ModuleNotFoundError as error:
    raise ImportError(
        "airlock.integrations.django needs airlock-django: pip install airlock-django"
    ) from error

AirlockMiddleware = _plugin.AirlockMiddleware
DjangoScope = _plugin.DjangoScope

__all__ = ["AirlockMiddleware", "DjangoScope"]
