"""How a reader, a spreadsheet and the API see the same thing."""

import csv
import io
import re
from html import unescape


def text_of(answer) -> str:
    """What a reader sees, in one line."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", answer.text)))


def rows_of(answer) -> list[list[str]]:
    """The rows of a file of CSV, its head first."""
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    return list(csv.reader(io.StringIO(answer.text)))


def api(client, tenant, path: str):
    """What the admin API says."""
    answer = client.get(f"/admin/projects/{tenant.project_id}/{path}", headers=tenant.bearer)
    assert answer.status_code == 200
    return answer.json["data"]
