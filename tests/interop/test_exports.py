# SPDX-License-Identifier: GPL-2.0-or-later
"""A delivery with scrap, refused attempts and three good devices, exported and read by strangers; all JSON against its schema."""
import base64
import csv
import hashlib
import io
import json
import pathlib

import jsonschema
import pytest
from cryptography import x509

from provtest import handover, workflow

SCHEMA = pathlib.Path(__file__).resolve().parents[2] / "Documentation" / "schema" / "delivery.schema.json"


@pytest.fixture(name="schema", scope="session")
def delivery_schema():
    """judge(object, kind)."""
    whole = json.loads(SCHEMA.read_text())
    jsonschema.Draft202012Validator.check_schema(whole)

    def judge(value, kind):
        jsonschema.validate(value, {"$ref": f"#/$defs/{kind}", "$defs": whole["$defs"]}, jsonschema.Draft202012Validator)
    return judge


@pytest.fixture(name="export", scope="session")
def exporter(delivered, people, tmp_path_factory):
    """export(form): what the tool wrote."""
    folder = tmp_path_factory.mktemp("exports")

    def export(form):
        path = folder / form
        workflow.Desk(folder).provcard(f"export {delivered.folder} --as {form} --maker-ca {people.maker.anchors} --device-ca "
                                       f"{people.oem.device_root.certificate} --output {path}")
        return path.read_bytes().decode() if path.is_file() else path
    return export


@pytest.fixture(name="attempts")
def all_attempts(delivered):
    """Records on parts, in log order."""
    found = [line for line in handover.records(delivered.folder) if line["event"].startswith("unit-")]
    assert {line["event"] for line in found} == {"unit-good", "unit-scrap", "unit-refused"}
    return found


def test_every_line_of_a_delivery_is_as_its_schema_says(delivered, schema):
    """Heading, records and runs; the same of a job in which nothing was made."""
    for folder in (delivered.folder, delivered.ended):
        heading, lines = handover.read(folder)
        schema(heading, "heading")
        for line in lines:
            schema(line, "record" if "record" in line else "run")
        with pytest.raises(jsonschema.ValidationError):
            schema({**heading, "log_root": "00"}, "heading")


def test_bundles_are_as_their_schema_says(export, schema):
    """Each of them."""
    paths = list(export("bundle").iterdir())
    assert len(paths) == 3
    for path in paths:
        schema(json.loads(path.read_text()), "birth")


def test_csv_has_every_attempt_in_order(export, attempts):
    """Seven columns in each row, scrap and refused ones too; nothing that a spreadsheet would run."""
    text = export("csv")
    rows = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
    assert [row["uid"] for row in rows] == [line["uid"] for line in attempts]
    assert ["unit-" + row["state"] for row in rows] == [line["event"] for line in attempts]
    assert text.count("\r\n") == len(rows) + 1 == text.count("\n")
    for row, line in zip(rows, attempts):
        assert len(row) == 7 and None not in row and None not in row.values()
        assert row["code"] == (line["refusal"]["name"] if line["refusal"] else "")
        assert row["sha256"] == (line["certificate_sha256"] if "certificate" in line else "")
        assert row["time"] == line["time"]
        assert not any(value[:1] in tuple("=+-@\t\r") or set(value) & set('",\n') for value in row.values())


def test_json_has_every_certificate(export, attempts, schema):
    """Of parts that did not become good as well, and says so."""
    said = json.loads(export("json"))
    schema(said, "devices")
    assert len(said["units"]) == len(attempts)
    for unit, line in zip(said["units"], attempts):
        assert (unit["uid"], "unit-" + unit["state"], unit["time"]) == (line["uid"], line["event"], line["time"])
        assert unit.get("certificate") == line.get("certificate")
        if "certificate" in unit:
            data = base64.b64decode(unit["certificate"], validate=True)
            assert unit["certificate_sha256"] == hashlib.sha256(data).hexdigest()
            assert int(unit["serial"], 16) == x509.load_der_x509_certificate(data).serial_number
    assert [unit["code"] for unit in said["units"] if unit["state"] == "scrap"]


def test_pem_and_certs_have_good_devices_alone(delivered, export, attempts):
    """In log order, the chain last; whoever trusts it trusts no part in the scrap bin."""
    good = [base64.b64decode(line["certificate"]) for line in attempts if line["event"] == "unit-good"]
    others = {line["certificate"] for line in attempts if line["event"] != "unit-good" and "certificate" in line}
    found = x509.load_pem_x509_certificates(export("pem").encode())
    chain = x509.load_pem_x509_certificates((delivered.folder / "ca.pem").read_bytes())
    assert found == [x509.load_der_x509_certificate(data) for data in good] + chain
    folder = export("certs")
    assert {path.stem for path in folder.iterdir()} == {line["uid"] for line in attempts if line["event"] == "unit-good"}
    for path in folder.iterdir():
        assert x509.load_pem_x509_certificate(path.read_bytes()) in found
    assert others - {base64.b64encode(data).decode() for data in good}


def test_a_job_without_devices(delivered, people, tmp_path, schema):
    """Empty, in each form's way."""
    desk = workflow.Desk(tmp_path)
    for form in ("pem", "certs", "csv", "json", "bundle"):
        desk.provcard(f"export {delivered.ended} --as {form} --maker-ca {people.maker.anchors} --output {form}")
    assert not (tmp_path / "pem").read_text() and not list((tmp_path / "certs").iterdir()) + list((tmp_path / "bundle").iterdir())
    assert (tmp_path / "csv").read_text().splitlines() == ["uid,serial,not_before,sha256,state,code,time"]
    schema(json.loads((tmp_path / "json").read_text()), "devices")


def test_folders_that_are_there(delivered, people, tmp_path):
    """Nothing in them is lost, nothing is left beside them, and a delivery that is not right leaves none."""
    desk = workflow.Desk(tmp_path)
    (tmp_path / "certs").mkdir()
    (tmp_path / "certs" / "kept").write_text("mine")
    words = f"--as certs --maker-ca {people.maker.anchors} --output certs"
    desk.provcard(f"export {delivered.folder} {words}", expected=6)
    assert [path.name for path in tmp_path.iterdir()] == ["certs"] and (tmp_path / "certs" / "kept").read_text() == "mine"
    (tmp_path / "certs" / "kept").unlink()
    desk.provcard(f"export {delivered.folder} {words}")
    assert len(list((tmp_path / "certs").iterdir())) == 3
