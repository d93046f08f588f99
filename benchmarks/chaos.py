"""What is lost, doubled or mixed while processes are killed: `tandem bench chaos` as a script.

python benchmarks/chaos.py --seconds 600 --seed 1 --json
"""

import sys

from stack.command_line import app

if __name__ == "__main__":
    app(["bench", "chaos", *sys.argv[1:]])
