-- Tuning: the trials of searches, and the recipes they came to.

-- One row a finished trial, so that a search that was stopped goes on where it was. The fingerprint names what is
-- searched: the history up to a position, the recipe it begins with, the seed.
create table tuning_trials (
    fingerprint     text not null,
    trial           integer not null,
    until_position  bigint not null,
    rung            text not null check (rung in ('explored', 'verified')),
    recipe          jsonb not null,
    figures         jsonb not null,
    seconds         real not null,
    created_at      timestamptz not null default now(),
    primary key (fingerprint, trial)
);

-- One row a search that came to its end. The newest row is what the next night goes by; without a recipe, nothing
-- better than that of the settings was found.
create table tuned_recipes (
    tuning_id       integer generated always as identity primary key,
    fingerprint     text not null,
    until_position  bigint not null,
    recipe          jsonb,
    figures         jsonb not null,
    trials          integer not null,
    seconds         real not null,
    created_at      timestamptz not null default now()
);
