"""An executor plugin for airlock: each intent becomes a line of JSON in a file."""

from airlock_file.executor import FileExecutor, Line

__all__ = ["FileExecutor", "Line", "file_executor"]

#: What the entry point `file` registers; it writes to the file that AIRLOCK_FILE names.
file_executor = FileExecutor()
