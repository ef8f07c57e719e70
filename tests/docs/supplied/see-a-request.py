"""Django with the shop that the page shows, its template, and the tasks that it takes for granted."""

import os
import re
from pathlib import Path

Path("shop/templates/shop").mkdir(parents=True)
Path("shop/__init__.py").touch()
Path("shop/tasks.py").write_text(
    """
def send_confirmation(order_id):
    pass


def send_text(number):
    pass


def send_voucher(order_id, code):
    pass
"""
)
Path("shop/urls.py").write_text(
    """
from django.urls import path

from shop import views

urlpatterns = [path("checkout", views.checkout)]
"""
)
(template,) = re.findall(r"```html\n(.*?)```", page.read_text(), re.DOTALL)  # noqa: F821
Path("shop/templates/shop/thanks.html").write_text(template)
Path("page_settings.py").write_text(
    """
SECRET_KEY = "only a page"
INSTALLED_APPS = ["airlock_django"]
MIDDLEWARE = ["airlock_django.AirlockMiddleware"]
ROOT_URLCONF = "shop.urls"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "page.sqlite3"}}
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": ["shop/templates"],
        "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
    }
]
ALLOWED_HOSTS = ["testserver"]
AIRLOCK = {"POLICY": "shop.policies.quiet_hours"}
LOGGING_CONFIG = None
"""
)
os.environ["DJANGO_SETTINGS_MODULE"] = "page_settings"

import django  # noqa: E402  (it needs the settings)

django.setup()
