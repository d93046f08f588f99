"""What the commands of `tandem` do, a file each; `stack.command_line` says what they are called."""
