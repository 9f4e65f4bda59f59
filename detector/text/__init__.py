"""Text for people: numbers in words, and text from others made safe to print."""
