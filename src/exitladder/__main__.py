"""``python -m exitladder``, the same as the command ``exitladder``."""

from exitladder.cli import main

if __name__ == "__main__":
    main(prog_name="exitladder")
