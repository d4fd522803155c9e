"""Starts the application: `python app.py [--profile NAME] [--host ADDRESS] [--port NUMBER]`."""

import sys

from lr_demo.cli import main

if __name__ == "__main__":
    sys.exit(main(["serve", *sys.argv[1:]]))
