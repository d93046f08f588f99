-- Which versions of Tandem work with the schema as it is.

-- Those that know `oldest_revision`, or a later one. A revision that adds leaves it as it is, so that the version before goes
-- on beside the new one; a revision that takes away, or changes what was there, moves it.
create table schema_support (
    only_row         boolean primary key default true check (only_row),
    oldest_revision  text not null
);

insert into schema_support (oldest_revision) values ('0017');
