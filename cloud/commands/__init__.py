"""Commands to boxes: ordered through the API, carried until they are answered, and the archives that answer some of them."""
