"""Who a person is, and under which identities their events lie (contract 8).

The view `identity_people` says it for a whole project; here it is said for a few people, whose devices are looked at
one by one. Both are the same rule.
"""

from typing import NamedTuple

from drengr.people.questions import Who, folded
from drengr.store.postgresql.connections import Connection
from drengr.store.postgresql.people.keys import person_key

_NUMBER = "SELECT id FROM persons WHERE project_id = ? AND person_key = ? AND is_device = ?"
_BY_NUMBER = "SELECT is_device, person FROM persons WHERE project_id = ? AND id = ?"

# Of a device `d`. An index has the smallest and the largest user of a device side by side.
_ONLY_USER = """(
  SELECT CASE WHEN min(s.user_id) = max(s.user_id) AND NOT d.is_shared THEN min(s.user_id) END
  FROM identities AS s WHERE s.device_id = d.id)"""
OWNER = f"""coalesce(
  (SELECT u.id FROM persons AS u
   WHERE u.project_id = d.project_id AND u.person_key = d.person_key AND NOT u.is_device),
  {_ONLY_USER}, d.id)"""
_OWNER_OF_DEVICE = f"SELECT {OWNER} FROM persons AS d WHERE d.id = ?"
_IS_ANONYMOUS = "SELECT EXISTS (SELECT FROM identities WHERE device_id = ? AND user_id IS NULL)"
_DEVICES = f"""
SELECT d.person FROM (SELECT DISTINCT device_id FROM identities WHERE user_id = ? ORDER BY 1) AS had
JOIN persons AS d ON d.id = had.device_id
WHERE {_ONLY_USER} = ? AND d.person_key <> (SELECT person_key FROM persons WHERE id = ?)
ORDER BY d.id LIMIT ?
"""
# (person_id, identity_id) of the people of an array
IDENTITIES_OF = f"""
WITH asked AS (SELECT unnest(?::bigint[]) AS id)
SELECT i.user_id AS person_id, i.id AS identity_id FROM asked JOIN identities AS i ON i.user_id = asked.id
UNION ALL
SELECT d.owner, i.id
FROM (
  SELECT d.id, {OWNER} AS owner FROM persons AS d
  WHERE d.is_device AND d.id IN (
    SELECT i.device_id FROM asked JOIN identities AS i ON i.user_id = asked.id
    UNION SELECT n.id FROM asked JOIN persons AS k ON k.id = asked.id JOIN persons AS n USING (project_id, person_key))
) AS d
JOIN asked ON asked.id = d.owner
JOIN identities AS i ON i.device_id = d.id AND i.user_id IS NULL
"""


class Whose(NamedTuple):
    """A subquery for the ids of identities, with its values."""

    sql: str
    values: tuple[object, ...]


def number_of(connection: Connection, project_id: int, who: Who) -> int | None:
    """persons.id of exactly this user or device; None when it has no event."""
    if "\0" in who.id:  # which no stored text has
        return None
    asked = project_id, person_key(folded(who.id)), who.kind == "device"
    found = connection.execute(_NUMBER, asked).fetchall()
    return found[0][0] if found else None


def who_has(connection: Connection, project_id: int, number: int) -> Who | None:
    """Whom the number means; None when it means nobody of this project."""
    found = connection.execute(_BY_NUMBER, (project_id, number)).fetchall()
    return Who("device" if found[0][0] else "user", found[0][1]) if found else None


def person_of(connection: Connection, project_id: int, who: Who) -> int | None:
    """The number of that person: for a device, of whoever its anonymous events are; None when they have no event."""
    number = number_of(connection, project_id, who)
    if number is None or who.kind == "user":
        return number
    owner: int = connection.execute(_OWNER_OF_DEVICE, (number,)).fetchall()[0][0]
    if owner == number and not connection.execute(_IS_ANONYMOUS, (number,)).fetchall()[0][0]:
        return None  # several users had it, and all its events are theirs
    return owner


def devices_of(connection: Connection, user: int, most: int) -> tuple[str, ...]:
    """Devices that nobody but this user had, without the one that is named as the user is."""
    return tuple(row[0] for row in connection.execute(_DEVICES, (user, user, user, most)).fetchall())


def identities_of(person: int) -> Whose:
    """The identities of that person's events."""
    return Whose(f"SELECT identity_id FROM ({IDENTITIES_OF}) AS w", ([person],))


def identities_sent(
    connection: Connection, project_id: int, users: set[str], install_id: str | None, *, anonymous: bool = False
) -> Whose | None:
    """The identities that have these ids, whoever's they are; None when nobody has.

    anonymous  only those of the device that have no user
    """
    conditions: list[str] = []
    values: list[object] = []
    wanted = [("user_id", Who("user", user)) for user in users]
    wanted += [("device_id", Who("device", install_id))] if install_id is not None else []
    for column, who in wanted:
        number = number_of(connection, project_id, who)
        if number is None:
            return None
        conditions.append(f"{column} = ?")
        values.append(number)
    conditions += ["user_id IS NULL"] * anonymous
    return Whose(f"SELECT id FROM identities WHERE {' AND '.join(conditions)}", tuple(values))
