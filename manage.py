#!/usr/bin/env python
"""Django's command line, from a checkout."""

import os
import sys
from pathlib import Path

if __name__ == "__main__":
    # platform/ is a source root, not a package, so the stdlib's platform stays itself.
    sys.path.insert(1, str(Path(__file__).resolve().parent / "platform"))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

    from embedded import environment

    if sys.argv[1:] == ["up"]:
        # Everything on this machine: starts the databases before Django's settings ask where they are.
        from embedded.up import main

        sys.exit(main())
    environment.find()

    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
