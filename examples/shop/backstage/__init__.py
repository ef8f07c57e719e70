"""What `demo.py` is made of. The shop itself knows nothing of it."""
