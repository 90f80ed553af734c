"""What models say of pictures: at once, in batches, later with a callback, or from Kafka; and which models there are.

A picture is checked before it is decoded, waits a moment for company, and runs through ``models.runtime`` alone. Nothing of
that library is loaded before the first picture.
"""
