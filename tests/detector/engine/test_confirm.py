"""Which value is the other part of a credential: the one of the right name, in the same block, nearby."""

from __future__ import annotations

import pytest

from detector.engine.confirm import MAX_PARTNERS, Match, find_companions
from detector.model import Companion
from detector.rules.shapes import expand

SECRET = Companion("secret-access-key", r"(?<![0-9A-Za-z+/])([0-9A-Za-z+/]{40})(?![0-9A-Za-z+/=])", 512, True)
ID = expand("AKIA{BASE36:16}", 1)
RIGHT, WRONG, OTHER = (expand("{base64:40}", seed) for seed in (1, 2, 3))


def pair(text: str, part: Companion = SECRET) -> list[str]:
    data = text.replace("@ID", ID).replace("@RIGHT", RIGHT).replace("@WRONG", WRONG).replace("@OTHER", OTHER).encode()
    at = data.index(ID.encode())
    match = Match(at, at + len(ID), at, at + len(ID))
    return [data[first:last].decode() for first, last in find_companions(part, data, match)]


@pytest.mark.parametrize(
    "text",
    [
        "KEY_ID=@ID\nSALT=@WRONG\nAWS_SECRET_ACCESS_KEY=@RIGHT\n",
        "KEY_ID=@ID\nSECRET_SALT=@WRONG\nAWS_SECRET_ACCESS_KEY=@RIGHT\n",
        "AWS_SECRET_ACCESS_KEY=@RIGHT\nSESSION_HASH=@WRONG\nKEY_ID=@ID\nCHECKSUM=@OTHER\n",
        'id: "@ID"\nchecksum: "@WRONG"\nsecretKey: "@RIGHT"\n',
        "old:\n  secret: @WRONG\nnew:\n  id: @ID\n\n  secret: @RIGHT\n",
        "[old]\nsecret = @WRONG\n[new]\nid = @ID\n\n\nsecret = @RIGHT\n",
        '[{"secret":"@WRONG"},{"id":"@ID","note":"","secret":"@RIGHT"}]',
        '[{"id":"@ID","note":"a longer text","secret":"@RIGHT"},{"secret":"@WRONG","id":""}]',
        '{"old": {\n  "secret": "@WRONG"\n},\n"new": {\n  "id": "@ID",\n\n  "secret": "@RIGHT"\n}}',
        "A_SECRET=@WRONG\nB_ID=@ID\n# of the second one\nB_SECRET=@RIGHT\n",
        "name,id,secret\nfirst,x,@WRONG\nsecond,@ID,@RIGHT\n",
        'new Credentials("@ID", "@RIGHT");\nhash = "@WRONG"\n',
        "@ID\n@RIGHT\nsha1: @WRONG\n",
        "<id>@ID</id><digest>@WRONG</digest><awsSecretKey>@RIGHT</awsSecretKey>",
        "aws configure set aws_access_key_id @ID\nexport SALT=@WRONG\naws configure set aws_secret_access_key @RIGHT\n",
        "access_key: @ID\netag: @WRONG\nsecretkey: @RIGHT\n",
    ],
)
def test_the_partner_is_the_one_of_the_name(text: str) -> None:
    assert pair(text)[0] == RIGHT


def test_values_named_as_well_are_kept_to_be_tried_in_turn() -> None:
    text = "id: @ID\nsecret: @RIGHT\nsecret_before: @OTHER\nhash: @WRONG\n"
    assert pair(text) == [RIGHT, OTHER]
    many = "id: @ID\n" + "".join(f"secret{n}: {expand('{base64:40}', 10 + n)}\n" for n in range(8))
    assert len(pair(many)) == MAX_PARTNERS
    assert len(pair("id: @ID\nsecret: @RIGHT\nsecret: @RIGHT\n")) == 1


def test_a_part_that_is_no_secret_has_one_value() -> None:
    host = Companion("host", r"https://([a-z.]+)", 512, secret=False)
    assert pair("host: https://a.example\nid: @ID\nhost: https://b.example\n", host) == ["a.example"]


def test_nothing_near_is_no_partner() -> None:
    assert pair("id: @ID\n" + "x\n" * 600 + "secret: @RIGHT\n") == []
