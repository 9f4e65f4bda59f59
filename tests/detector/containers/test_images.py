"""Reading container images."""

from detector.containers import kinds, unpack
from detector.model import Blob
from detector.rules.shapes import expand
from tests.detector.containers.reading import ORIGIN
from tests.fakes.hidden import image


def test_a_location_in_an_image_names_the_layer() -> None:
    token = expand("ghp_{alnum:36}", 8).encode()
    for oci in (False, True):
        data = image([{"a": b"x"}, {"b": token}], oci)
        items = list(unpack.unpack(data, kinds.detect_kind(data), ORIGIN))
        [blob] = [item for item in items if isinstance(item, Blob) and token in item.data]
        assert (blob.origin.kind, blob.origin.path) == ("image", "x.bin!layer 2!b")
