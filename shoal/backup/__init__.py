"""Backup and restore of one box: what is kept apart from the machine, in one verified file.

``save`` reads a running or stopped box into an archive; ``restore`` puts an archive back where a box is missing; ``rehearse``
does the same into a scratch folder and starts the database, because a backup that nobody restored is a hope.

The order is the promise. Outboxes are copied first, then the database, then the pictures: a message that is no longer in the
copied outbox was committed before the database's copy ends, and a picture is stored before the row that names it. So the parts
agree, though nothing stands still meanwhile (decision 0055).
"""

from __future__ import annotations
