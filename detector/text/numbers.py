"""Format numbers for people."""

from __future__ import annotations


def format_count(number: int, noun: str, plural: str = "") -> str:
    """Return *number* and its noun, in the plural unless it is 1.

    >>> format_count(1, "place"), format_count(12000, "place"), format_count(2, "repository", "repositories")
    ('1 place', '12,000 places', '2 repositories')
    """
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def format_size(count: int) -> str:
    """Return a number of bytes in a unit that is easy to read.

    >>> format_size(1), format_size(999_999), format_size(5 * 10**15)
    ('1 byte', '1,000.0 kB', '5,000.0 TB')
    """
    if count < 1000:
        return format_count(count, "byte")
    power = min((len(str(count)) - 1) // 3, 4)
    return f"{count / 1000**power:,.1f} {('kB', 'MB', 'GB', 'TB')[power - 1]}"
