"""`python -m thinwire.cli`, the same as `thinwire`."""

from __future__ import annotations

import sys

from thinwire.cli import main

sys.exit(main())
