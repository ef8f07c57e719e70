"""The executors of the installed plugins, by the import paths that settings name them with."""
