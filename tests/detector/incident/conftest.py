from tests.detector.fleet.conftest import _postgresql, place  # noqa: F401
