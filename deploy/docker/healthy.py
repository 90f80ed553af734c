"""Exit status 0 when the address answers 200 within two seconds: a health check without curl in the image."""

import sys
import urllib.error
import urllib.request

try:
    with urllib.request.urlopen(sys.argv[1], timeout=2) as answer:  # noqa: S310  (the address is in the image)
        sys.exit(0 if answer.status == 200 else 1)  # noqa: PLR2004
except (urllib.error.URLError, OSError) as error:
    sys.exit(f"{sys.argv[1]}: {error}")
