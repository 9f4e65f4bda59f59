"""Cached pages on disk, complete or cut off."""

import os
import time
from pathlib import Path

from detector.fleet.inventory._page_cache import RESUMES_WITHIN, Page, PageCache

PAGE = Page([{"id": 1}], 5.0, "https://h/2", '"etag"')


def test_a_running_listing_becomes_the_complete_one_when_it_is_finished(tmp_path: Path) -> None:
    cache = PageCache(str(tmp_path), "gitea acme")
    cache.add("https://h/1", PAGE)
    assert (cache.find_running("https://h/1"), cache.find_complete("https://h/1")) == (PAGE, None)
    cache.close()
    resumed = PageCache(str(tmp_path), "gitea acme")
    assert resumed.find_running("https://h/1") == PAGE
    resumed.finish()
    resumed.close()
    after = PageCache(str(tmp_path), "gitea acme")
    assert (after.find_running("https://h/1"), after.find_complete("https://h/1")) == (None, PAGE)
    after.close()


def test_an_old_listing_is_not_resumed_but_its_pages_serve(tmp_path: Path) -> None:
    cache = PageCache(str(tmp_path), "x")
    cache.add("https://h/1", PAGE)
    cache.close()
    (part,) = tmp_path.iterdir()
    old = time.time() - RESUMES_WITHIN - 1
    os.utime(part, (old, old))
    cache = PageCache(str(tmp_path), "x")
    assert (cache.find_running("https://h/1"), cache.find_complete("https://h/1")) == (None, PAGE)
    cache.close()


def test_a_line_that_was_cut_off_is_overwritten(tmp_path: Path) -> None:
    cache = PageCache(str(tmp_path), "x")
    cache.add("https://h/1", PAGE)
    cache.add("https://h/2", PAGE)
    cache.close()
    (part,) = tmp_path.iterdir()
    part.write_bytes(part.read_bytes()[:-3])
    cache = PageCache(str(tmp_path), "x")
    assert (cache.find_running("https://h/1"), cache.find_running("https://h/2")) == (PAGE, None)
    cache.add("https://h/3", PAGE)
    cache.close()
    assert PageCache(str(tmp_path), "x").find_running("https://h/3") == PAGE


def test_the_second_of_two_listings_and_one_without_a_folder_store_nothing(tmp_path: Path) -> None:
    first, second, third = PageCache(str(tmp_path), "x"), PageCache(str(tmp_path), "x"), PageCache("", "x")
    for cache in (second, third):
        cache.add("https://h/1", PAGE)
        cache.finish()
        assert cache.find_running("https://h/1") is cache.find_complete("https://h/1") is None
        cache.close()
    first.close()
