"""How soon a new item is recommended, found and compared: `tandem bench new-items` as a script.

python benchmarks/new_items.py --items 10000 --json
"""

import sys

from stack.command_line import app

if __name__ == "__main__":
    app(["bench", "new-items", *sys.argv[1:]])
