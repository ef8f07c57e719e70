"""What installing the plugin and setting its variable would do, and a task."""

import os

from airlock_file import file_executor

import airlock

os.environ["AIRLOCK_FILE"] = "intents.jsonl"
airlock.register(file_executor, name="file")


def send_email(user_id):
    raise AssertionError("it was to be written, not run")


names = {"send_email": send_email}
