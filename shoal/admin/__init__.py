"""``shoal admin``: look after a server from a terminal, through its API."""
