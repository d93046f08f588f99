-- Items that come between two nights get their vectors: of their words, and of who used them since.

-- ---------------------------------------------------------------- what is new of items

create table item_news (
    position  bigint not null,
    item_no   integer not null,
    primary key (position, item_no)
);

-- How far the news of items are known in a run. Up to `position` all are; of those up to `until`, the items up to number
-- `item_no` are. `usual` and `usual_source`: what people use anyway, the mean of the run's items, each counted as often as
-- it is used.
create table placing_progress (
    run_id        integer primary key,
    position      bigint not null,
    until         bigint not null,
    item_no       integer not null default 0,
    usual         vector,
    usual_source  vector
);

-- Under the horizon's lock, as events are: whoever reads up to the horizon misses none. Tells whoever listens.
create function tell_item_news(item_nos integer[]) returns void
language plpgsql as $$
begin
    if cardinality(item_nos) = 0 then
        return;
    end if;
    perform hold_event_horizon();
    insert into item_news (position, item_no)
    select drawn.position, told.item_no
    from (select nextval('interaction_positions') as position) as drawn, unnest(item_nos) as told (item_no);
    perform pg_notify('tandem_items', '');
end
$$;

create function note_new_items() returns trigger
language plpgsql as $$
begin
    perform tell_item_news(array(select item_no from new_items));
    return null;
end
$$;

-- Only what changes an item's words can change its place.
create function note_changed_items() returns trigger
language plpgsql as $$
begin
    perform tell_item_news(array(
        select item_no from new_items join old_items using (item_no)
        where new_items.words is distinct from old_items.words));
    return null;
end
$$;

-- An event that comes is found in the log; one that goes is found nowhere. What its user has used besides is told too, as
-- the place of an item depends on what its users liked before it.
create function note_items_of_deleted_events() returns trigger
language plpgsql as $$
begin
    perform tell_item_news(array(
        select item_no from gone
        union
        select item_no from interactions where user_no in (select user_no from gone)));
    return null;
end
$$;

-- Triggers of one event fire in the order of their names: these come last, so that the horizon is not held while others
-- work on what was written.
create trigger tell_added after insert on items
    referencing new table as new_items
    for each statement execute function note_new_items();

create trigger tell_changed after update on items
    referencing old table as old_items new table as new_items
    for each statement execute function note_changed_items();

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
returns table (embedding vector, source vector)
language sql stable strict parallel safe
begin atomic
    with told as materialized (
        select known.term, known.embedding, known.source, known.idf, given.weight
        from unnest(given_terms, given_weights) as given (term, weight)
        join term_embeddings as known on known.run_id = of_run_id and known.term = given.term
    ),
    shortened as (
        select least(1.0, cast(parameters -> 'words' ->> 'longest' as double precision)
                          / nullif((select sqrt(sum(power(cast(idf as double precision) * weight, 2) order by term))
                                    from told), 0)) as factor
        from model_runs where run_id = of_run_id
    )
    select sum(scaled(told.embedding, told.weight * coalesce(factor, 1)) order by told.term),
           sum(scaled(told.source, told.weight * coalesce(factor, 1)) order by told.term)
    from told cross join shortened;
end;

-- What a text says in the taste and sequence parts of a run's space: of a new item, or of a query. Null if the run knows
-- none of its terms. As in `vector_of_words(17, text_words('a robot falls in love'))`.
create function vector_of_words(of_run_id integer, words tsvector) returns vector
language sql stable strict parallel safe
return (
    select embedding
    from sums_of_words(of_run_id, array(select term from terms_of(words)), array(select weight from terms_of(words)))
);

-- Phrases as parts of a history: what `item_embeddings` would hold of an item that everybody could like and that is said
-- to be this above all, but for trend and filler, which no history has. A phrase of which the run knows no term is absent.
create function phrase_vectors(of_run_id integer, phrases text[])
returns table (phrase text, embedding vector, source vector, taste_scale real, confidence_scale real)
language sql stable strict parallel safe
begin atomic
    with of_run as materialized (
        select cast(parameters -> 'words' ->> 'taste_scale' as real) as taste_scale,
               cast(parameters -> 'crowd' ->> 'embedding' as vector) as crowd,
               cast(parameters -> 'crowd' ->> 'source' as vector) as crowd_source
        from model_runs where run_id = of_run_id
    )
    -- Words say what sets an item apart, and the crowd what is liked at all: with a weight of 3 nine in ten of the
    -- nearest items are what was asked for, and they are no obscure ones.
    select given.phrase,
           coalesce(scaled(sums.embedding, 3) + of_run.crowd, sums.embedding) || cast('[0,0]' as vector),
           l2_normalize(coalesce(scaled(sums.source, 3) + of_run.crowd_source, sums.source)),
           of_run.taste_scale, cast(1 as real)
    from unnest(phrases) as given (phrase)
    cross join lateral sums_of_words(of_run_id, array(select term from phrase_terms(given.phrase)),
                                     array(select weight from phrase_terms(given.phrase))) as sums
    cross join of_run
    where sums.embedding is not null and of_run.taste_scale is not null;
end;

-- Notes in the row of a run what is liked by many: the mean of its items, each weighed by its users to the power of 1.5.
-- Written once, when the run's items are there, so that live vectors made of it stay what they are.
create function store_crowd(of_run_id integer) returns void
language sql
begin atomic
    update model_runs
    set parameters = parameters || jsonb_build_object('crowd', (
        select jsonb_build_object(
            'embedding', cast(cast(scaled(sum(scaled(subvector(embedding, 1, vector_dims(embedding) - 2), weight)),
                                          1 / sum(weight)) as text) as jsonb),
            'source', cast(cast(scaled(sum(scaled(source, weight)), 1 / sum(weight)) as text) as jsonb))
        from item_embeddings, cast(power(users, 1.5) as double precision) as weight
        where run_id = of_run_id and users > 0))
    where run_id = of_run_id;
end;

-- ---------------------------------------------------------------- where an item belongs

-- What speaks for an item: the interactions of positive strength.
create view likings as
select position, user_no, item_no, occurred_at
from interactions join event_kinds using (kind_no)
where strength * case when value is null or value_reference is null then 1 else value / value_reference end > 0;

-- What people use anyway: the mean of a run's items, each counted as often as it is used. One row.
create function usual_of_run(of_run_id integer) returns table (embedding vector, source vector)
language sql stable
begin atomic
    select scaled(sum(scaled(made.embedding, users) order by item_no), 1.0 / sum(users)),
           scaled(sum(scaled(made.source, users) order by item_no), 1.0 / sum(users))
    from item_embeddings as made
    where run_id = of_run_id and users > 0 and placed_at is null;
end;

-- The users who like some items, the newest 50 of each, and when they last said so. Of an item's interactions the newest
-- 1,000 count.
create function likers_of_items(item_nos integer[])
returns table (item_no integer, user_no integer, liked_at timestamptz)
language sql stable
begin atomic
    select asked.item_no, liker.user_no, liker.liked_at
    from unnest(item_nos) as asked (item_no)
    cross join lateral (
        select told.user_no, max(told.occurred_at) filter (where told.strength > 0) as liked_at
        from (
            select interactions.user_no, interactions.occurred_at,
                   strength * case when value is null or value_reference is null then 1
                                   else value / value_reference end as strength
            from interactions join event_kinds using (kind_no)
            where interactions.item_no = asked.item_no
            order by interactions.occurred_at desc, interactions.event_id desc
            limit 1000
        ) as told
        group by told.user_no
        having sum(told.strength) > 0
        order by liked_at desc, told.user_no desc
        limit 50
    ) as liker;
end;

-- What those who like an item used before it: the mean over its users of the mean of the 10 other items each liked last,
-- as far as the night knows those from their users. `counted`: how many users that is, 0 or null: nothing is known.
create function observed_of_items(of_run_id integer, item_nos integer[])
returns table (item_no integer, users integer, counted integer, embedding vector, source vector)
language sql stable
begin atomic
    select likers.item_no, cast(count(*) as integer), cast(count(seen.embedding) as integer),
           avg(seen.embedding order by likers.user_no), avg(seen.source order by likers.user_no)
    from likers_of_items(item_nos) as likers
    left join lateral (
        select avg(made.embedding order by made.item_no) as embedding, avg(made.source order by made.item_no) as source
        from (
            select interactions.item_no
            from interactions join event_kinds using (kind_no)
            where interactions.user_no = likers.user_no and interactions.occurred_at <= likers.liked_at
              and interactions.item_no <> likers.item_no
              and strength * case when value is null or value_reference is null then 1
                                  else value / value_reference end > 0
            order by interactions.occurred_at desc, interactions.item_no desc, interactions.kind_no desc,
                     interactions.event_id desc
            limit 10
        ) as before
        join item_embeddings as made
            on made.run_id = of_run_id and made.item_no = before.item_no and made.users > 0 and made.placed_at is null
    ) as seen on true
    group by likers.item_no;
end;

-- What `item_embeddings` would hold of an item the run has never seen in use, made of its words: it is recommended like
-- any other. No row if the run knows none of its terms.
create function item_made_of_words(of_run_id integer, of_item_no integer)
returns table (embedding vector, source vector, taste_scale real, confidence_scale real)
language sql stable strict parallel safe
begin atomic
    with of_run as (
        select item_norm,
               cast(parameters -> 'words' ->> 'trend' as real) as trend,
               cast(parameters -> 'words' ->> 'taste_scale' as real) as taste_scale
        from model_runs where run_id = of_run_id
    ),
    said as (
        select sums.embedding, sums.source
        from items, sums_of_words(of_run_id, array(select term from terms_of(items.words)),
                                  array(select weight from terms_of(items.words))) as sums
        where items.item_no = of_item_no and sums.embedding is not null
    ),
    -- No item is longer than the run's norm.
    fitted as (
        select scaled(said.embedding, least(1.0, sqrt(greatest(power(item_norm, 2) - power(trend, 2), 0))
                                                 / nullif(vector_norm(said.embedding), 0))) as embedding,
               said.source, item_norm, trend, of_run.taste_scale
        from said cross join of_run
    )
    select fitted.embedding || cast(array[
               trend,
               cast(sqrt(greatest(power(item_norm, 2) - power(trend, 2) - power(vector_norm(fitted.embedding), 2), 0)) as real)
           ] as vector),
           l2_normalize(fitted.source), fitted.taste_scale, cast(1 as real)
    from fitted
    where trend is not null;
end;

-- What the words of an item say in the taste and sequence parts of a run; the neutral place if they say nothing. No row
-- if the run has not learned words.
create function item_said_in_words(of_run_id integer, of_item_no integer)
returns table (embedding vector, source vector)
language sql stable
begin atomic
    with of_run as (
        select cast(parameters -> 'words' -> 'neutral' ->> 'embedding' as vector) as neutral,
               cast(parameters -> 'words' -> 'neutral' ->> 'source' as vector) as neutral_source
        from model_runs
        where run_id = of_run_id and parameters -> 'words' ->> 'trend' is not null
    )
    select case when made.embedding is null then neutral
                else subvector(made.embedding, 1, vector_dims(made.embedding) - 2) end,
           case when made.embedding is null then neutral_source else made.source end
    from of_run left join item_made_of_words(of_run_id, of_item_no) as made on true
    where made.embedding is not null or neutral is not null;
end;

-- Where items belong in a run that the night has not made from their users: a pure function of their words, the log and
-- the run. With w the words, o what was observed, n of how many users, u the usual and m the neutral place,
--     v = (k w + n (m + g (o - u))) / (k + n)      k = 10, g = 2
-- so that the more have used an item the less its words count. What people use anyway is taken off, as a mean would
-- otherwise draw every item to what is popular. No row: the run has not learned words.
create function places_of_items(of_run_id integer, item_nos integer[])
returns table (item_no integer, embedding vector, source vector, taste_scale real, users integer)
language sql stable
begin atomic
    with of_run as (
        select item_norm,
               cast(parameters -> 'words' ->> 'trend' as real) as trend,
               cast(parameters -> 'words' ->> 'taste_scale' as real) as taste_scale,
               cast(parameters -> 'words' -> 'neutral' ->> 'embedding' as vector) as neutral
        from model_runs where run_id = of_run_id
    ),
    observed as materialized (
        select * from observed_of_items(of_run_id, item_nos)
    ),
    -- Looked for among all items only where placing has not begun.
    usual as (
        select coalesce((select progress.usual from placing_progress as progress where run_id = of_run_id),
                        (select made.embedding from usual_of_run(of_run_id) as made)) as embedding,
               coalesce((select progress.usual_source from placing_progress as progress where run_id = of_run_id),
                        (select made.source from usual_of_run(of_run_id) as made)) as source
    ),
    blended as (
        select asked.item_no, coalesce(observed.users, 0) as users,
               case when observed.counted > 0 and of_run.neutral is not null
                    -- v = (k w + n (m + g (o - u))) / (k + n)
                    then scaled(scaled(said.embedding, 10) + scaled(
                             of_run.neutral + scaled(subvector(observed.embedding - usual.embedding, 1,
                                                               vector_dims(said.embedding)), 2), observed.counted),
                         1.0 / (10 + observed.counted))
                    else said.embedding end as embedding,
               case when observed.counted > 0 and of_run.neutral is not null
                    then l2_normalize(scaled(said.source, 10)
                                      + scaled(observed.source - usual.source, 2 * observed.counted))
                    else said.source end as source
        from unnest(item_nos) as asked (item_no)
        cross join lateral item_said_in_words(of_run_id, asked.item_no) as said
        cross join of_run
        cross join usual
        left join observed using (item_no)
    ),
    -- No item is longer than the run's norm.
    fitted as (
        select blended.item_no, blended.source, blended.users,
               scaled(blended.embedding, least(1.0, sqrt(greatest(power(item_norm, 2) - power(trend, 2), 0))
                                                    / nullif(vector_norm(blended.embedding), 0))) as embedding,
               item_norm, trend, of_run.taste_scale
        from blended cross join of_run
    )
    select fitted.item_no,
           fitted.embedding || cast(array[
               trend,
               cast(sqrt(greatest(power(item_norm, 2) - power(trend, 2) - power(vector_norm(fitted.embedding), 2), 0)) as real)
           ] as vector),
           fitted.source, fitted.taste_scale, fitted.users
    from fitted;
end;

-- What an item's likeness to others is the inner product of, as the night writes it: the directions of its taste, its
-- source and its words, each as long as the square root of its share. Null if the item has no place in the run, or the run
-- has no shares.
create function item_likeness(of_run_id integer, of_item_no integer) returns vector
language sql stable
return (
    with of_run as (
        select cast(parameters -> 'words' -> 'likeness' ->> 'taste' as double precision) as taste,
               cast(parameters -> 'words' -> 'likeness' ->> 'source' as double precision) as source,
               cast(parameters -> 'words' -> 'likeness' ->> 'words' as double precision) as words,
               cast(parameters -> 'live_vector' ->> 'taste_dimensions' as integer) as dimensions
        from model_runs where run_id = of_run_id
    )
    select scaled(l2_normalize(subvector(placed.embedding, 1, dimensions)), sqrt(of_run.taste))
           || scaled(coalesce(l2_normalize(vector_of_words(of_run_id, items.words)),
                              cast(array_fill(0.0, array[vector_dims(placed.embedding) - 2]) as vector)), sqrt(of_run.words))
    from item_embeddings as placed join items using (item_no) cross join of_run
    where placed.run_id = of_run_id and placed.item_no = of_item_no and of_run.taste is not null
      and placed.source is null
    union all
    select scaled(l2_normalize(subvector(placed.embedding, 1, dimensions)), sqrt(of_run.taste))
           || scaled(l2_normalize(placed.source), sqrt(of_run.source))
           || scaled(coalesce(l2_normalize(vector_of_words(of_run_id, items.words)),
                              cast(array_fill(0.0, array[vector_dims(placed.embedding) - 2]) as vector)), sqrt(of_run.words))
    from item_embeddings as placed join items using (item_no) cross join of_run
    where placed.run_id = of_run_id and placed.item_no = of_item_no and of_run.taste is not null
      and placed.source is not null
);

-- What a text is like, as `item_likenesses` tells it of an item: of a query, and of an item that has no place yet. Null if
-- the run knows none of its terms, or has no likenesses.
create function likeness_of_words(of_run_id integer, words tsvector) returns vector
language sql stable strict parallel safe
begin atomic
    with of_run as (
        select cast(parameters -> 'live_vector' ->> 'taste_dimensions' as integer) as taste_dimensions,
               cast(parameters -> 'words' -> 'likeness' ->> 'taste' as double precision) as taste,
               cast(parameters -> 'words' -> 'likeness' ->> 'source' as double precision) as source,
               cast(parameters -> 'words' -> 'likeness' ->> 'words' as double precision) as words
        from model_runs where run_id = of_run_id
    ),
    said as (
        select embedding, source
        from sums_of_words(of_run_id, array(select term from terms_of(likeness_of_words.words)),
                           array(select weight from terms_of(likeness_of_words.words)))
    ),
    -- [sqrt(t) taste / |taste| | sqrt(s) source / |source| | sqrt(w) words / |words|]
    parts as (
        select scaled(l2_normalize(cast(subvector(embedding, 1, taste_dimensions) as vector)), sqrt(taste)) as of_taste,
               scaled(l2_normalize(said.source), sqrt(of_run.source)) as of_source,
               scaled(l2_normalize(embedding), sqrt(of_run.words)) as of_words
        from said cross join of_run
    )
    select case when of_source is null then of_taste || of_words else of_taste || of_source || of_words end from parts;
end;

-- Gives items their places in a run, those excepted that the night has made from their users; harmless twice. Answers
-- which of them had none before. The caller sees to it that the run is not taken away meanwhile.
create function place_items(of_run_id integer, item_nos integer[]) returns table (placed_item_no integer)
language plpgsql
set jit = off
as $$
declare
    open_nos  integer[];
    new_nos   integer[];
begin
    open_nos := array(
        select asked.item_no
        from unnest(item_nos) as asked (item_no)
        left join item_embeddings as made on made.run_id = of_run_id and made.item_no = asked.item_no
        where made.item_no is null or made.placed_at is not null or made.users = 0
        order by asked.item_no);

    with placed as (
        insert into item_embeddings
            (run_id, item_no, embedding, source, taste_scale, confidence_scale, users, placed_at)
        select of_run_id, places.item_no, places.embedding, places.source, places.taste_scale, 1, places.users,
               clock_timestamp()
        from places_of_items(of_run_id, open_nos) as places
        order by places.item_no
        on conflict (run_id, item_no) do update
        set embedding = excluded.embedding, source = excluded.source, taste_scale = excluded.taste_scale,
            confidence_scale = excluded.confidence_scale, users = excluded.users, placed_at = excluded.placed_at
        where item_embeddings.placed_at is not null or item_embeddings.users = 0
        returning new.item_no, old.item_no is null as is_new
    )
    select coalesce(array_agg(placed.item_no order by placed.item_no) filter (where placed.is_new), '{}')
    into new_nos
    from placed;

    -- Its own statement: it reads what was just written.
    insert into item_likenesses (run_id, item_no, likeness)
    select of_run_id, asked.item_no, likeness
    from unnest(open_nos) as asked (item_no), item_likeness(of_run_id, asked.item_no) as likeness
    where likeness is not null
    order by asked.item_no
    on conflict (run_id, item_no) do update set likeness = excluded.likeness;

    return query select unnest(new_nos);
end
$$;
