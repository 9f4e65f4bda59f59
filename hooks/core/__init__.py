"""What the hooks share: git, the examination of new content, messages, and their installation."""
