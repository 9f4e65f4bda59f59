"""The same story over many repositories, remembered between runs."""
