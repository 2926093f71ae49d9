"""`python -m elmarc`."""

from elmarc.cli import main

if __name__ == "__main__":
    main()
