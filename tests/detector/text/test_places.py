from __future__ import annotations

import pytest

from detector.model import PlaceClass
from detector.text.places import classify_place

CASES = {
    PlaceClass.TEST: """tests/a a/test/b x/test_a.py a_test.go b.spec.ts b.test.js FooTest.java spec/x.rb fixtures/k
        integration-tests/run.sh testdata/key.pem src/androidTest/A.kt __mocks__/a.js spec_helper.rb .env.test
        docker-compose.test.yml app/tests.py TestLogin.cs lib/__tests__/a.ts t/basic.t user_spec.rb
        cmd/testdata/a.json client/.snapshots/a.json src/FooTests.cs""",
    PlaceClass.EXAMPLE: """examples/a.py demo/app.js .env.example config.sample.yml sample-app/main.go settings.php.dist
        quickstart/x.py .env.local.example src/com/acme/example/A.java config/database.yml.template""",
    PlaceClass.DOCUMENTATION: "README.md docs/conf.py doc/api.html CHANGELOG README.txt guide/x.html man/man1/a.1 a.rst",
    PlaceClass.VENDORED: "node_modules/a/test/b.js vendor/x.go a/third_party/b.c Pods/x.m lib/site-packages/a.py deps/a.c",
    PlaceClass.GENERATED: "dist/app.js a/b.min.js api_pb2.py x.js.map package-lock.json poetry.lock __generated__/a.ts a_gen.go",
    PlaceClass.SOURCE: """src/a.py contest/a attest.py latest.json testimony/x spectrum.c spec.yaml app/news_reader.py
        src/main/java/com/example/Shop.java build/deploy.sh conf/prod.env readme_parser.py distribution/a.py docker/x
        vendoring.py demographics.csv installer/x.sh protest/a.py""",
}  # fmt: skip


@pytest.mark.parametrize("wanted", CASES)
def test_a_path_has_its_class(wanted: PlaceClass) -> None:
    wrong = {path: classify_place(path) for path in CASES[wanted].split() if classify_place(path) != wanted}
    assert not wrong


def test_a_member_of_a_container_has_its_class_or_that_of_the_container() -> None:
    assert classify_place("tests/data.zip!conf/.env") is PlaceClass.TEST
    assert classify_place("release.zip!conf/test/.env") is PlaceClass.TEST
    assert classify_place("release.zip!conf/.env") is PlaceClass.SOURCE


def test_any_text_has_a_class() -> None:
    for path in ("", "/", "!", "a//b", "..", "\udcff/test\n", ".", "a\\tests\\b.py"):
        assert classify_place(path) in tuple(PlaceClass)
    assert classify_place("a\\tests\\b.py") is PlaceClass.TEST
