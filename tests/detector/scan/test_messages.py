"""What workers send back."""

from detector.scan.messages import ShareProgress


def test_progress_adds_up() -> None:
    assert ShareProgress(1, 2).plus(ShareProgress(10, 20)) == ShareProgress(11, 22)
