"""What the user asked not to see: inline marks, path lists, allow-lists, other tools' files."""
