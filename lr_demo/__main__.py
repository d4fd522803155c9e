"""`python -m lr_demo`: the command line."""

import sys

from lr_demo.cli import main

sys.exit(main())
