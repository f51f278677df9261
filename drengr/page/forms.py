"""The fields of a form of ours."""

from urllib.parse import parse_qs

from drengr.api.errors import ApiError
from drengr.api.incoming import read_body

_MOST_BYTES = 64 * 1024
_MOST_FIELDS = 100


def form() -> dict[str, str]:
    """The fields that were posted, of one name the first. Raises BodyTooLarge, ApiError 400."""
    body, _ = read_body(_MOST_BYTES)
    try:
        fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise ApiError(400, "The form has too many fields.") from None
    return {name: values[0] for name, values in fields.items()}
