"""A database that breaks connections off while a night writes."""

from sqlalchemy import Connection, text

# As the owner of the database: a process of its own role may end no session.
_LOSE_CONNECTION = """
create sequence losses;
create function lose_connection() returns trigger language plpgsql security definer as $$
begin
    if nextval('losses') <= {times} then
        perform pg_terminate_backend(pg_backend_pid());
    end if;
    return new;
end
$$;
create trigger lose_connection before {write} execute function lose_connection();
"""


def lose_connection(connection: Connection, write: str, *, times: int = 1) -> None:
    """Break off the connections of so many of these writes, given as a trigger names them."""
    connection.execute(text(_LOSE_CONNECTION.format(write=write, times=times)))
