"""The JSON Schemas of the documentation, for tests of what is printed and sent."""

import json

from jsonschema import Draft202012Validator

from tests.conftest import ROOT

FOLDER = ROOT / "docs" / "schemas"


def schema(name: str) -> Draft202012Validator:
    """Return the validator of a schema; name: such as "page-v1"."""
    found = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(found)
    return Draft202012Validator(found)
