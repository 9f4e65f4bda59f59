"""Containers: archives, packages, images and documents, read as the files they contain."""
