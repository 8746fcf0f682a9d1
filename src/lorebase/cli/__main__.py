"""`python -m lorebase.cli`."""

from lorebase.cli.app import main

if __name__ == "__main__":
    main()
