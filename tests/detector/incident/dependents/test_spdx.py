"""The entries of *.spdx.json, spdx.json, *sbom*.json and similar files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.detector.incident.dependents.making import Case, Row, check_entries, simple


def purl(text: str) -> list[dict[str, str]]:
    return [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": text}]


SPDX = {
    "spdxVersion": "SPDX-2.3",
    "packages": [
        {"SPDXID": "SPDXRef-root", "name": "root", "externalRefs": purl("pkg:npm/root@1.0.0")},
        {"SPDXID": "SPDXRef-a", "versionInfo": "1.0.0", "externalRefs": purl("pkg:npm/outer@1.0.0")},
        {"SPDXID": "SPDXRef-b", "versionInfo": "2.0.0", "externalRefs": purl("pkg:npm/inner")},
        {"SPDXID": "SPDXRef-c", "externalRefs": purl("pkg:npm/loose@3.0.0")},
    ],
    "relationships": [
        {"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": "SPDXRef-root"},
        {"spdxElementId": "SPDXRef-root", "relationshipType": "DEPENDS_ON", "relatedSpdxElement": "SPDXRef-a"},
        {"spdxElementId": "SPDXRef-b", "relationshipType": "DEPENDENCY_OF", "relatedSpdxElement": "SPDXRef-a"},
        {"spdxElementId": "SPDXRef-root", "relationshipType": "CONTAINS", "relatedSpdxElement": "SPDXRef-c"},
    ],
}
SPDX_3 = {
    "@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld",
    "@graph": [
        {"type": "SpdxDocument", "rootElement": ["urn:root"]},
        {"type": "software_Package", "spdxId": "urn:a", "software_packageUrl": "pkg:npm/outer@1.0.0"},
        {
            "type": "software_Package",
            "spdxId": "urn:b",
            "software_packageUrl": "pkg:npm/inner",
            "software_packageVersion": "2.0.0",
        },
        {"type": "Relationship", "from": "urn:root", "relationshipType": "dependsOn", "to": ["urn:a"]},
        {"type": "LifecycleScopedRelationship", "from": "urn:a", "relationshipType": "dependsOn", "to": ["urn:b"]},
    ],
}

CASES: list[Case] = [
    (
        "npm/inner",
        {
            "a.spdx.json": {
                "spdxVersion": "SPDX-2.3",
                "packages": [
                    {"SPDXID": "a", "name": "inner", "versionInfo": "1"},
                    {
                        "SPDXID": "b",
                        "name": "inner",
                        "externalRefs": [{"referenceType": "purl", "referenceLocator": "pkg:deb/debian/inner@2"}],
                    },
                ],
            }
        },
        [simple("1", direct=None)],
    ),
    ("npm/inner", {"sbom.json": SPDX}, [simple("2.0.0", "outer@1.0.0")]),
    ("npm/outer", {"x.spdx.json": SPDX}, [simple("1.0.0", direct=True)]),
    ("npm/loose", {"x.spdx.json": SPDX}, [simple("3.0.0", direct=None)]),
    ("npm/root", {"x.spdx.json": SPDX}, []),
    ("npm/inner", {"x.spdx.json": SPDX_3}, [simple("2.0.0", "outer@1.0.0")]),
]


@pytest.mark.parametrize(("wanted", "files", "rows"), CASES)
def test_the_entries_of_a_file(wanted: str, files: Mapping[str, Any], rows: list[Row], tmp_path: Path) -> None:
    check_entries(wanted, files, rows, tmp_path)
