"""The app: orders, and the effects that they ask for."""
