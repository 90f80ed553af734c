"""What crosses a process boundary: messages, topics, quantities, manifests and the errors they raise.

Everything here is frozen pydantic and standard library only, so an edge box, the bridge and the cloud can share it.
New fields always have defaults; a message written by any version ever shipped must still decode (tests/golden).
"""
