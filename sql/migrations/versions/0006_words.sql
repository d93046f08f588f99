-- Words: the terms of every item, what each says in a run's space, and sums of them.

-- ---------------------------------------------------------------- the one tokeniser

-- The nightly run, new items and queries all see the words this configuration makes. No word is stopped: a film may be
-- called "It", and what stands in every text weighs nothing anyway.
create text search dictionary words_english (template = snowball, language = english);
create text search configuration words (copy = pg_catalog.simple);
alter text search configuration words
    alter mapping for asciiword, asciihword, hword_asciipart, word, hword, hword_part with words_english;

-- Lower case, and Latin and Greek letters without their accents, as people type them. Other scripts keep their marks: in
-- them they make another letter.
create function folded(given text) returns text
language sql immutable strict parallel safe
return normalize(
    regexp_replace(
        normalize(translate(lower(given collate "pg_c_utf8"), 'øłđı', 'oldi'), nfkd),
        '([a-zα-ω])[\u0300-\u036f]+', '\1', 'g'),
    nfc);

-- The words of a text, one written by an app or typed by a person.
create function text_words(given text) returns tsvector
language sql immutable strict parallel safe
return to_tsvector('words'::regconfig, folded(given));

-- Texts and numbers among an item's attributes, those in lists too, each with the attribute's name.
create function attribute_values(attributes jsonb) returns table (name text, value text)
language sql immutable strict parallel safe
begin atomic
    select folded(attribute.key), folded(element.value #>> '{}')
    from jsonb_each(case when jsonb_typeof(attributes) = 'object' then attributes else '{}' end) as attribute,
         jsonb_array_elements(case when jsonb_typeof(attribute.value) = 'array' then attribute.value
                                   else jsonb_build_array(attribute.value) end) as element
    where jsonb_typeof(element.value) in ('string', 'number')
    limit 500;
end;

-- An item's words with their places: title A, categories B, attributes C, description D. Categories and attributes are
-- terms of their own besides their words, named as in `category:drama` and `tags:robot`; these have no places. Only the
-- beginning of a long text counts, as a tsvector holds no more than a megabyte.
create function item_words(title text, categories text[], description text, attributes jsonb) returns tsvector
language sql immutable strict parallel safe
begin atomic
    with category as (
        select left(folded(name), 200) as name from unnest(categories) as name where name <> '' limit 500
    ),
    told as (
        select name, value from attribute_values(attributes)
    )
    select setweight(text_words(left(title, 2000)), 'A')
        || setweight(text_words(left(coalesce((select string_agg(name, ' , ') from category), ''), 10000)), 'B')
        || setweight(text_words(left(coalesce((select string_agg(value, ' , ') from told), ''), 20000)), 'C')
        || setweight(text_words(left(description, 30000)), 'D')
        || array_to_tsvector(array(
               select 'category:' || name from category
               union
               select left(name || ':' || value, 200) from told));
end;

alter table items add column words tsvector
    generated always as (item_words(title, categories, description, attributes)) stored;

create index items_words on items using gin (words);

-- The terms of a text and how much it says each: 1 + ln(how often), 1 for a term without places.
create function terms_of(words tsvector) returns table (term text, weight real)
language sql immutable strict parallel safe
begin atomic
    select lexeme, cast(1 + ln(greatest(coalesce(cardinality(positions), 1), 1)) as real) from unnest(words);
end;

-- The language whose words are brought to their stems; `simple`: they stay as they are.
create function words_language() returns text
language sql stable
return (
    select substr(dictname, 7)
    from pg_ts_config_map join pg_ts_dict on pg_ts_dict.oid = mapdict
    where mapcfg = 'words'::regconfig and maptokentype = 1
);

-- Changes that language, and the words of all items with it; answers whether it was another one. Items wait to be
-- written until the commit. A run has learned the words as they were: its words are of no use until the next one.
create function use_words_language(language text) returns boolean
language plpgsql as $$
declare
    dictionary text := 'words_' || language;
begin
    if language = words_language() then
        return false;
    end if;
    lock table items in share row exclusive mode;
    if not exists (select from pg_ts_dict where dictname = dictionary) then
        if language = 'simple' then
            execute format('create text search dictionary %I (template = simple)', dictionary);
        else
            execute format('create text search dictionary %I (template = snowball, language = %L)', dictionary, language);
        end if;
    end if;
    execute format('alter text search configuration words alter mapping for '
                   'asciiword, asciihword, hword_asciipart, word, hword, hword_part with %I', dictionary);
    update items set title = title;
    return true;
end
$$;

-- ---------------------------------------------------------------- what terms say in a run's space

-- `embedding` is what one mention of the term adds to the taste and sequence parts of a vector, `source` what it adds to
-- the item as a part of a history (null: the run has no sequence part).
create table term_embeddings (
    run_id     integer not null,
    term       text not null,
    idf        real not null,
    embedding  vector not null,
    source     vector,
    primary key (run_id, term)
) partition by list (run_id);

create or replace function create_run_partitions(new_run_id integer) returns void
language plpgsql as $$
declare
    parent text;
begin
    foreach parent in array array['batch_recommendations', 'item_embeddings', 'user_embeddings', 'popular_items',
                                  'term_embeddings'] loop
        execute format('create table %I (like %I including all)', parent || '_' || new_run_id, parent);
        execute format('alter table %I attach partition %I for values in (%s)',
                       parent, parent || '_' || new_run_id, new_run_id);
    end loop;
end
$$;

create or replace function drop_run_partitions(old_run_id integer) returns void
language plpgsql as $$
declare
    parent text;
begin
    perform hold_switch();
    if exists (select from live_run where run_id = old_run_id) then
        raise exception 'run % is being served and cannot be dropped', old_run_id;
    end if;
    -- A worker that folds events into this run holds these rows until it is done.
    delete from speed_progress where run_id = old_run_id;
    foreach parent in array array['batch_recommendations', 'item_embeddings', 'user_embeddings', 'popular_items',
                                  'term_embeddings'] loop
        execute format('drop table if exists %I', parent || '_' || old_run_id);
    end loop;
end
$$;

-- A vector times a number; pgvector multiplies vectors with each other only.
create function scaled(given vector, factor double precision) returns vector
language sql immutable strict parallel safe
return given * cast(array_fill(cast(factor as real), array[vector_dims(given)]) as vector);

-- Both sums over terms; null if the run knows none of them. A text longer than the run's longest counts as that long.
create function sums_of_words(of_run_id integer, given_terms text[], given_weights real[])
returns table (embedding vector, source vector)
language sql stable strict parallel safe
begin atomic
    with told as materialized (
        select known.embedding, known.source, known.idf, given.weight
        from unnest(given_terms, given_weights) as given (term, weight)
        join term_embeddings as known on known.run_id = of_run_id and known.term = given.term
    ),
    shortened as (
        select least(1.0, cast(parameters -> 'words' ->> 'longest' as double precision)
                          / nullif((select sqrt(sum(power(cast(idf as double precision) * weight, 2))) from told), 0)) as factor
        from model_runs where run_id = of_run_id
    )
    select sum(scaled(told.embedding, told.weight * coalesce(factor, 1))),
           sum(scaled(told.source, told.weight * coalesce(factor, 1)))
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
