"""Numbers as people read them."""

from __future__ import annotations


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return *number* with its noun.

    >>> counted(1, "place"), counted(12000, "place"), counted(2, "repository", "repositories")
    ('1 place', '12,000 places', '2 repositories')
    """
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def size(count: int) -> str:
    """Return a number of bytes.

    >>> size(1), size(999_999), size(5 * 10**15)
    ('1 byte', '1,000.0 kB', '5,000.0 TB')
    """
    if count < 1000:
        return counted(count, "byte")
    power = min((len(str(count)) - 1) // 3, 4)
    return f"{count / 1000**power:,.1f} {('kB', 'MB', 'GB', 'TB')[power - 1]}"
