"""Reading git repositories without obeying them."""
