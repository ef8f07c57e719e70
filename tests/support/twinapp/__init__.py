"""The Django app of the tests: a row per enqueue, to see whether both or neither are there."""
