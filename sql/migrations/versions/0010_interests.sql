-- Interests: what users say of themselves before their first event.

-- What a user likes, in words and by items, as last stated. A row stays when all is taken back: its position is news.
create table user_interests (
    user_no    integer primary key,
    words      text[] not null,
    item_nos   integer[] not null,
    position   bigint not null unique,
    stated_at  timestamptz not null default now()
);

-- Who named an item: placing asks it.
create index user_interests_items on user_interests using gin (item_nos) with (gin_pending_list_limit = 256);

-- Whose live vector may have to change, and at which position: by an event, by the deletion of one, or by interests
-- stated anew. Whoever asks whose live vectors are behind must ask here.
create or replace view user_news as
select position, user_no from interactions
union all
select position, user_no from event_deletions
union all
select position, user_no from user_interests;

-- Creates a user or replaces what is said of one; answers the number, whether the user is new, and whether other
-- interests are stated than before. Stating the same again changes nothing.
create function state_user(given_id text, given_attributes jsonb, given_words text[], given_item_nos integer[])
returns table (user_no integer, created boolean, changed boolean)
language plpgsql as $$
#variable_conflict use_column
declare
    known     integer;
    is_new    boolean := false;
    is_other  boolean;
begin
    perform hold_event_horizon();
    -- Whoever is held here cannot be forgotten before the commit, and states one thing after another. One who was
    -- forgotten while we waited is made anew; one whom somebody else made meanwhile is held in the next round.
    loop
        select user_no into known from users where user_id = given_id for no key update;
        exit when found;
        insert into users (user_id, attributes) values (given_id, given_attributes)
        on conflict do nothing returning user_no into known;
        is_new := found;
        exit when is_new;
    end loop;
    update users set attributes = given_attributes where user_no = known and attributes <> given_attributes;

    -- The position is drawn after the user is held: of two who state interests of one user, the later has the higher.
    insert into user_interests (user_no, words, item_nos, position)
    select known, given_words, given_item_nos, nextval('interaction_positions')
    where cardinality(given_words) + cardinality(given_item_nos) > 0
       or exists (select from user_interests where user_no = known)
    on conflict (user_no) do update
    set words = excluded.words, item_nos = excluded.item_nos, position = excluded.position, stated_at = now()
    where (user_interests.words, user_interests.item_nos) is distinct from (excluded.words, excluded.item_nos);
    is_other := found;
    return query select known, is_new, is_other;
end
$$;

-- ---------------------------------------------------------------- phrases as items

-- The terms of an interest or a query: its words, and the category of that name.
create function phrase_terms(phrase text) returns table (term text, weight real)
language sql immutable strict parallel safe
begin atomic
    select term, weight from terms_of(text_words(phrase))
    union all
    select 'category:' || left(folded(phrase), 200), cast(1 as real);
end;

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

-- ---------------------------------------------------------------- forgetting

create or replace function forget_user(given_id text)
returns table (user_no integer, removed jsonb)
language plpgsql as $$
#variable_conflict use_column
declare
    gone    integer;
    counts  jsonb;
begin
    -- clear_forgotten waits for whoever is at it; taken first by everybody.
    perform pg_advisory_xact_lock_shared(31310, 4);
    -- Waits for those who are writing something of this user; who comes later finds nobody to write for. What
    -- the next statement sees is therefore everything.
    select user_no into gone from users where user_id = given_id for update;

    with
    of_users as (delete from users where user_no = gone returning 1),
    of_interests as (delete from user_interests where user_no = gone returning 1),
    of_interactions as (delete from interactions where user_no = gone returning 1),
    of_deletions as (delete from event_deletions where user_no = gone returning 1),
    of_impressions as (delete from impressions where user_no = gone returning 1),
    of_lists as (delete from batch_recommendations where user_no = gone returning 1),
    of_vectors as (delete from user_embeddings where user_no = gone returning 1)
    select jsonb_build_object(
        'users', (select count(*) from of_users),
        'interests', (select count(*) from of_interests),
        'interactions', (select count(*) from of_interactions),
        'event_deletions', (select count(*) from of_deletions),
        'impressions', (select count(*) from of_impressions),
        'recommendation_lists', (select count(*) from of_lists),
        'user_embeddings', (select count(*) from of_vectors))
    into counts;

    if gone is not null then
        perform hold_event_horizon();
        insert into forgotten_users (user_no, position) values (gone, nextval('interaction_positions'));
    end if;
    return query select gone, counts;
end
$$;
