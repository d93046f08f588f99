-- Items that come between two nights get their embeddings: from their words, and from who used them since.

-- ---------------------------------------------------------------- changes of items

create table item_changes (
    position  bigint not null,
    item_no   integer not null,
    primary key (position, item_no)
);

-- How far the changes of items are known in a run. Up to `position` all are; of those up to `until`, the items up to number
-- `item_no` are. `popularity_mean` and `popularity_mean_context`: what people use anyway, the mean of the run's items, each
-- counted as often as it is used.
create table item_embedding_progress (
    run_id                   integer primary key,
    position                 bigint not null,
    until                    bigint not null,
    item_no                  integer not null default 0,
    popularity_mean          vector,
    popularity_mean_context  vector
);

-- Under the horizon's lock, as events are: whoever reads up to the horizon misses none. Notifies whoever listens.
create function add_item_changes(item_nos integer[]) returns void
language plpgsql as $$
begin
    if cardinality(item_nos) = 0 then
        return;
    end if;
    perform hold_event_horizon();
    insert into item_changes (position, item_no)
    select drawn.position, changed.item_no
    from (select nextval('interaction_positions') as position) as drawn, unnest(item_nos) as changed (item_no);
    perform pg_notify('tandem_items', '');
end
$$;

create function note_new_items() returns trigger
language plpgsql as $$
begin
    perform add_item_changes(array(select item_no from new_items));
    if exists (select from new_items) then
        perform add_catalogue_changes(array[0], array['added']);
    end if;
    return null;
end
$$;

-- Only what changes an item's words can change its embedding.
create function note_changed_items() returns trigger
language plpgsql as $$
declare
    changed_nos  integer[];
    changes      text[];
begin
    select coalesce(array_agg(item_no), '{}'), coalesce(array_agg(change), '{}')
    into changed_nos, changes
    from (
        select item_no,
               case when old_items.available and not new_items.available then 'left'
                    when (new_items.title, new_items.categories, new_items.available, new_items.publish_at,
                          new_items.expire_at)
                         is distinct from (old_items.title, old_items.categories, old_items.available,
                                           old_items.publish_at, old_items.expire_at) then 'changed'
                    else 'attributes' end as change
        from new_items join old_items using (item_no)
        where (new_items.title, new_items.categories, new_items.available, new_items.attributes)
              is distinct from (old_items.title, old_items.categories, old_items.available, old_items.attributes)
    ) as different;
    perform add_catalogue_changes(changed_nos, changes);
    perform add_item_changes(array(
        select item_no from new_items join old_items using (item_no)
        where new_items.words is distinct from old_items.words));
    return null;
end
$$;

-- An event that comes is found in the log; one that goes is found nowhere. The other items its user has used are changed
-- too, as the embedding of an item depends on what its users liked before it.
create function note_items_of_deleted_events() returns trigger
language plpgsql as $$
begin
    perform add_item_changes(array(
        select item_no from gone
        union
        select item_no from interactions where user_no in (select user_no from gone)));
    return null;
end
$$;

create function note_removed_items() returns trigger
language plpgsql as $$
begin
    perform add_catalogue_changes(array(select item_no from gone order by item_no),
                                  array(select 'left' from gone));
    return null;
end
$$;

-- Triggers of one event fire in the order of their names: these come last, so that the horizon is not held while others
-- work on what was written.
create trigger track_added after insert on items
    referencing new table as new_items
    for each statement execute function note_new_items();

create trigger track_changed after update on items
    referencing old table as old_items new table as new_items
    for each statement execute function note_changed_items();

create trigger track_removed after delete on items
    referencing old table as gone
    for each statement execute function note_removed_items();

create trigger interactions_deleted after delete on interactions
    referencing old table as gone
    for each statement execute function note_items_of_deleted_events();

-- ---------------------------------------------------------------- what words say in a run's space

-- A vector times a number; pgvector multiplies vectors with each other only.
create function scaled(given vector, factor double precision) returns vector
language sql immutable strict parallel safe
return given * cast(array_fill(cast(factor as real), array[vector_dims(given)]) as vector);

-- Both sums over terms; null if the run knows none of them. A text longer than the run's longest counts as that long.
-- Always added up in one order: the same words make the same vector, to the last bit.
create function sums_of_words(of_run_id integer, given_terms text[], given_weights real[])
returns table (embedding vector, context_embedding vector)
language sql stable strict parallel safe
begin atomic
    with known_terms as materialized (
        select known.term, known.embedding, known.context_embedding, known.idf, given.weight
        from unnest(given_terms, given_weights) as given (term, weight)
        join term_embeddings as known on known.run_id = of_run_id and known.term = given.term
    ),
    shortened as (
        select least(1.0, cast(parameters -> 'words' ->> 'longest' as double precision)
                          / nullif((select sqrt(sum(power(cast(idf as double precision) * weight, 2) order by term))
                                    from known_terms), 0)) as factor
        from model_runs where run_id = of_run_id
    )
    select sum(scaled(known_terms.embedding, known_terms.weight * coalesce(factor, 1)) order by known_terms.term),
           sum(scaled(known_terms.context_embedding, known_terms.weight * coalesce(factor, 1)) order by known_terms.term)
    from known_terms cross join shortened;
end;

-- Phrases as parts of a history: what `item_embeddings` would hold of an item that everybody could like and that is said
-- to be this above all, but for trend and filler, which no history has. A phrase of which the run knows no term is absent.
create function phrase_vectors(of_run_id integer, phrases text[])
returns table (phrase text, embedding vector, context_embedding vector, taste_scale real, confidence_scale real)
language sql stable strict parallel safe
begin atomic
    with of_run as materialized (
        select cast(parameters -> 'words' ->> 'taste_scale' as real) as taste_scale,
               cast(parameters -> 'prior' ->> 'embedding' as vector) as prior,
               cast(parameters -> 'prior' ->> 'context_embedding' as vector) as prior_context
        from model_runs where run_id = of_run_id
    )
    -- Words say what sets an item apart, and the prior what is liked at all: with a weight of 3 nine in ten of the
    -- nearest items are what was asked for, and they are no obscure ones.
    select given.phrase,
           coalesce(scaled(sums.embedding, 3) + of_run.prior, sums.embedding) || cast('[0,0]' as vector),
           l2_normalize(coalesce(scaled(sums.context_embedding, 3) + of_run.prior_context, sums.context_embedding)),
           of_run.taste_scale, cast(1 as real)
    from unnest(phrases) as given (phrase)
    cross join lateral sums_of_words(of_run_id, array(select term from phrase_terms(given.phrase)),
                                     array(select weight from phrase_terms(given.phrase))) as sums
    cross join of_run
    where sums.embedding is not null and of_run.taste_scale is not null;
end;

-- Notes in the row of a run what is liked by many: the mean of its items, each weighed by its users to the power of 1.5.
-- Written once, when the run's items are there, so that live vectors made of it stay what they are.
create function store_prior(of_run_id integer) returns void
language sql
begin atomic
    update model_runs
    set parameters = parameters || jsonb_build_object('prior', (
        select jsonb_build_object(
            'embedding', cast(cast(scaled(sum(scaled(subvector(embedding, 1, vector_dims(embedding) - 2), weight)),
                                          1 / sum(weight)) as text) as jsonb),
            'context_embedding', cast(cast(scaled(sum(scaled(context_embedding, weight)), 1 / sum(weight)) as text) as jsonb))
        from item_embeddings, cast(power(users, 1.5) as double precision) as weight
        where run_id = of_run_id and users > 0))
    where run_id = of_run_id;
end;

-- ---------------------------------------------------------------- where an item belongs

-- What people use anyway: the mean of a run's items, each counted as often as it is used. One row.
create function popularity_mean_of_run(of_run_id integer) returns table (embedding vector, context_embedding vector)
language sql stable
begin atomic
    select scaled(sum(scaled(made.embedding, users) order by item_no), 1.0 / sum(users)),
           scaled(sum(scaled(made.context_embedding, users) order by item_no), 1.0 / sum(users))
    from item_embeddings as made
    where run_id = of_run_id and users > 0 and embedded_at is null;
end;

-- The users who like some items, the newest 50 of each, and when they last said so. Of an item's interactions the newest
-- 1,000 count.
create function items_liked_by(item_nos integer[])
returns table (item_no integer, user_no integer, liked_at timestamptz)
language sql stable
begin atomic
    select asked.item_no, liked_by.user_no, liked_by.liked_at
    from unnest(item_nos) as asked (item_no)
    cross join lateral (
        select recent.user_no, max(recent.occurred_at) filter (where recent.weight > 0) as liked_at
        from (
            select weighed.user_no, weighed.occurred_at, weighed.weight
            from weighed_interactions as weighed
            where weighed.item_no = asked.item_no
            order by weighed.occurred_at desc, weighed.event_id desc
            limit 1000
        ) as recent
        group by recent.user_no
        having sum(recent.weight) > 0
        order by liked_at desc, recent.user_no desc
        limit 50
    ) as liked_by;
end;

-- What those who like an item used before it: the mean over its users of the mean of the 10 other items each liked last,
-- as far as the night knows those from their users. `counted`: how many users that is, 0 or null: nothing is known.
create function observed_of_items(of_run_id integer, item_nos integer[])
returns table (item_no integer, users integer, counted integer, embedding vector, context_embedding vector)
language sql stable
begin atomic
    select liked_by.item_no, cast(count(*) as integer), cast(count(seen.embedding) as integer),
           avg(seen.embedding order by liked_by.user_no), avg(seen.context_embedding order by liked_by.user_no)
    from items_liked_by(item_nos) as liked_by
    left join lateral (
        select avg(made.embedding order by made.item_no) as embedding,
               avg(made.context_embedding order by made.item_no) as context_embedding
        from (
            select likings.item_no
            from likings
            where likings.user_no = liked_by.user_no and likings.occurred_at <= liked_by.liked_at
              and likings.item_no <> liked_by.item_no
            order by likings.occurred_at desc, likings.item_no desc, likings.kind_no desc, likings.event_id desc
            limit 10
        ) as before
        join item_embeddings as made
            on made.run_id = of_run_id and made.item_no = before.item_no and made.users > 0 and made.embedded_at is null
    ) as seen on true
    group by liked_by.item_no;
end;

-- Of these items, those that the night has not made from their users, and what their embeddings are made of: their terms,
-- which the run may not know, and what those who like them used before. `domain.cold_items` does the rest.
create function cold_items(of_run_id integer, item_nos integer[])
returns table (item_no integer, terms text[], weights real[], users integer, counted integer,
               observed vector, observed_context vector)
language sql stable
set jit = off
begin atomic
    with cold as materialized (
        select asked.item_no
        from unnest(item_nos) as asked (item_no)
        left join item_embeddings as made on made.run_id = of_run_id and made.item_no = asked.item_no
        where made.item_no is null or made.embedded_at is not null or made.users = 0
    )
    select cold.item_no, own.terms, own.weights, coalesce(seen.users, 0), coalesce(seen.counted, 0),
           seen.embedding, seen.context_embedding
    from cold
    join items using (item_no)
    cross join lateral (
        select coalesce(array_agg(term), '{}') as terms, coalesce(array_agg(weight), '{}') as weights
        from terms_of(items.words)
    ) as own
    left join observed_of_items(of_run_id, array(
        select cold.item_no from cold where exists (select from interactions where interactions.item_no = cold.item_no)
    )) as seen using (item_no)
    order by cold.item_no;
end;

-- The similarity embedding of a text, as `item_similarity_embeddings` has that of an item: of a query, and of an item that
-- has no embedding yet. Null if the run knows none of its terms, or has no similarity embeddings.
create function similarity_embedding_of_words(of_run_id integer, words tsvector) returns vector
language sql stable strict parallel safe
begin atomic
    with of_run as (
        select cast(parameters -> 'live_vector' ->> 'taste_dimensions' as integer) as taste_dimensions,
               cast(parameters -> 'words' -> 'similarity' ->> 'taste' as double precision) as taste,
               cast(parameters -> 'words' -> 'similarity' ->> 'context' as double precision) as context,
               cast(parameters -> 'words' -> 'similarity' ->> 'words' as double precision) as words
        from model_runs where run_id = of_run_id
    ),
    from_words as (
        select embedding, context_embedding
        from sums_of_words(of_run_id, array(select term from terms_of(similarity_embedding_of_words.words)),
                           array(select weight from terms_of(similarity_embedding_of_words.words)))
    ),
    -- [sqrt(t) taste / |taste| | sqrt(s) context / |context| | sqrt(w) words / |words|]
    parts as (
        select scaled(l2_normalize(cast(subvector(embedding, 1, taste_dimensions) as vector)), sqrt(taste)) as of_taste,
               scaled(l2_normalize(from_words.context_embedding), sqrt(of_run.context)) as of_context,
               scaled(l2_normalize(embedding), sqrt(of_run.words)) as of_words
        from from_words cross join of_run
    )
    select case when of_context is null then of_taste || of_words else of_taste || of_context || of_words end from parts;
end;
