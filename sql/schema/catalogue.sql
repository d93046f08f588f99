-- Items, the words they are found by and learned from, and keys to words that are typed wrong.

create extension if not exists vector;

-- ---------------------------------------------------------------- the one tokeniser

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

-- An item's words with their positions: title A, categories B, attributes C, description D. Categories and attributes are
-- terms of their own besides their words, named as in `category:drama` and `tags:robot`; these have no positions. Only the
-- beginning of a long text counts, as a tsvector holds no more than a megabyte.
create function item_words(title text, categories text[], description text, attributes jsonb) returns tsvector
language sql immutable strict parallel safe
begin atomic
    with category as (
        select left(folded(name), 200) as name from unnest(categories) as name where name <> '' limit 500
    ),
    attribute as (
        select name, value from attribute_values(attributes)
    )
    select setweight(text_words(left(title, 2000)), 'A')
        || setweight(text_words(left(coalesce((select string_agg(name, ' , ') from category), ''), 10000)), 'B')
        || setweight(text_words(left(coalesce((select string_agg(value, ' , ') from attribute), ''), 20000)), 'C')
        || setweight(text_words(left(description, 30000)), 'D')
        || array_to_tsvector(array(
               select 'category:' || name from category
               union
               select left(name || ':' || value, 200) from attribute));
end;

-- The terms of a text and how much it says each: 1 + ln(how often), 1 for a term without positions.
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

-- ---------------------------------------------------------------- items

-- The moment that an attribute names: a text of RFC 3339 with its zone, which means the same whoever reads it. Null: there is
-- none. Any other value is an error, as an item would be shown when it must not be.
create function attribute_moment(given jsonb) returns timestamptz
language plpgsql immutable strict parallel safe as $$
begin
    if jsonb_typeof(given) = 'null' then
        return null;
    end if;
    if given #>> '{}' !~ '^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$' then
        raise exception '% is no time of RFC 3339, such as 2026-03-01T00:00:00Z', given
            using errcode = 'invalid_datetime_format';
    end if;
    return cast(given #>> '{}' as timestamptz);
end
$$;

-- `load_no`: the load that made the item; null: it came over HTTP. `deleted_at`: the app has deleted it; null: it has not. Such
-- an item is in no list, and can be stored anew. It keeps its number, its title and its words: histories show it, and what
-- it says of its users' taste goes on to count.
create table items (
    item_no      integer generated always as identity primary key,
    item_id      text not null unique check (length(item_id) between 1 and 200),
    title        text not null,
    categories   text[] not null default '{}',
    description  text not null default '',
    attributes   jsonb not null default '{}',
    available    boolean not null default true,
    created_at   timestamptz not null default now(),
    updated_at   timestamptz not null default now(),
    load_no      integer,
    deleted_at   timestamptz,
    words        tsvector generated always as (item_words(title, categories, description, attributes)) stored,
    -- Lists show an item from the one until the other: null is always.
    publish_at   timestamptz generated always as (attribute_moment(attributes -> 'publish_at')) stored,
    expire_at    timestamptz generated always as (attribute_moment(attributes -> 'expire_at')) stored,
    constraint items_deleted_are_not_available check (deleted_at is null or not available)
);

create index items_categories on items using gin (categories);

create index items_unavailable on items (item_no) where not available;

create index items_published on items (publish_at) where publish_at is not null;

create index items_expired on items (expire_at) where expire_at is not null;

-- The newest of the catalogue.
create index items_newest on items (created_at desc, item_no desc) where available;

-- What was written last waits beside a GIN index, and every search reads all of it: 4 MB by default, which costs a search
-- after a bulk load several times what it takes otherwise.
create index items_words on items using gin (words) with (gin_pending_list_limit = 256);

-- Titles alone: of all items with a word the ones that are called so come first, and they must be found among many.
create index items_title_words on items using gin (ts_filter(words, '{a}')) with (gin_pending_list_limit = 256);

-- ---------------------------------------------------------------- what cached lists must follow

-- What happened to items, at positions of the log: whoever has a list asks what became of its items since. `added`: of
-- some items, and `left`, `changed` and `attributes` of one, or of any (0) where too many changed at once. `left`: it is
-- not available any more. `attributes`: nothing but attributes changed, which only filters ask for.
create table catalogue_changes (
    position    bigint not null,
    item_no     integer not null,
    change      text not null check (change in ('added', 'left', 'changed', 'attributes')),
    changed_at  timestamptz not null default now(),
    primary key (position, item_no)
);

-- After what lists may have more to show.
create index catalogue_changes_entering on catalogue_changes (position) where change in ('added', 'changed');

-- What is not any more as it was, among prices that change all the time.
create index catalogue_changes_leaving on catalogue_changes (position) where change in ('left', 'changed');

create index catalogue_changes_aged on catalogue_changes (changed_at);

-- Under the horizon's lock, as `add_item_changes` works. Of a thousand items or more it is noted that any may have changed.
create function add_catalogue_changes(item_nos integer[], changes text[]) returns void
language plpgsql as $$
begin
    if cardinality(item_nos) = 0 then
        return;
    end if;
    perform hold_event_horizon();
    if cardinality(item_nos) >= 1000 then
        item_nos := array[0];
        changes := array['changed'];
    end if;
    insert into catalogue_changes (position, item_no, change)
    select drawn.position, changed.item_no, changed.change
    from (select nextval('interaction_positions') as position) as drawn,
         unnest(item_nos, changes) as changed (item_no, change);
    perform pg_notify('tandem_catalogue', '');
end
$$;

-- Changes the language of words, and the words of all items with it; answers whether it was another one. Items wait to be
-- written until the commit. A run has learned the words as they were: its words are of no use until the next one.
create function use_words_language(language text) returns boolean
language plpgsql security definer
set search_path = public, pg_temp
as $$
declare
    dictionary text := 'words_' || language;
begin
    if language = words_language() then
        return false;
    end if;
    if language <> 'simple' and not exists (
        select from pg_ts_dict where dictnamespace = 'pg_catalog'::regnamespace and dictname = language || '_stem'
    ) then
        raise exception 'PostgreSQL knows no words of the language %', language using errcode = 'invalid_parameter_value';
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

-- ---------------------------------------------------------------- the words of the catalogue as they are written

-- Words as people write them, not their stems: their beginnings complete what is being typed, and what is typed wrong is
-- compared with them. A word stays when its last item goes; whoever offers one asks whether an item still has it. So a
-- word is written once, and those who write items hardly ever wait for each other.
create table catalogue_words (
    word  text collate "C" primary key,
    keys  integer[] not null
);

create index catalogue_words_keys on catalogue_words using gin (keys) with (gin_pending_list_limit = 256);

-- How many edits are tolerated in a word: a letter too many, missing, wrong, or two exchanged.
create function max_edits(word text) returns integer
language sql immutable strict parallel safe
return case when length(word) < 4 then 0 when length(word) < 8 then 1 else 2 end;

-- What a word has in common with every word that is written nearly the same: the beginning of both, after as many letters
-- are taken out as edits are tolerated. Only seven letters count, which keeps this at 29 at most, as numbers.
create function typing_keys(word text) returns integer[]
language sql immutable strict parallel safe
return (
    select array_agg(distinct hashtext(
        case when second > 0 then left(beginning, first - 1) || substr(beginning, first + 1, second - first - 1)
                                  || substr(beginning, second + 1)
             when first > 0 then left(beginning, first - 1) || substr(beginning, first + 1)
             else beginning end))
    from (select left(word, 7) as beginning) as cut
    -- The positions of the letters taken out; 0: none.
    cross join generate_series(0, case when max_edits(word) >= 1 then length(left(word, 7)) else 0 end) as first
    cross join generate_series(0, case when max_edits(word) >= 2 then length(left(word, 7)) else 0 end) as second
    where second = 0 or second > first and first > 0
);

-- The different words of an item, cut off where `item_words` cuts; not numbers, nor what is longer than any word. The
-- first thousand in the order of the text: each new one costs its typing keys, and an item of nothing but new words
-- must not hold up its writer. The others are found when they are typed whole, and neither completed nor corrected.
create function written_words(title text, categories text[], description text, attributes jsonb)
returns setof text
language sql immutable strict parallel safe
begin atomic
    select lexeme
    from unnest(to_tsvector('simple'::regconfig, folded(
        left(title, 2000) || ' , ' || left(array_to_string(categories, ' , '), 10000) || ' , '
        || left(coalesce((select string_agg(value, ' , ') from attribute_values(attributes)), ''), 20000) || ' , '
        || left(description, 30000))))
    where length(lexeme) between 2 and 40 and lexeme collate "pg_c_utf8" !~ '[^[:alpha:]]'
    order by positions[1], lexeme
    limit 1000;
end;

-- Categories and attributes as one text, to show where a word stands in them.
create function written_attributes(categories text[], attributes jsonb) returns text
language sql immutable strict parallel safe
begin atomic
    select concat_ws(', ', nullif(array_to_string(categories, ', '), ''), string_agg(element.value #>> '{}', ', '))
    from jsonb_each(case when jsonb_typeof(attributes) = 'object' then attributes else '{}' end) as attribute,
         jsonb_array_elements(case when jsonb_typeof(attribute.value) = 'array' then attribute.value
                                   else jsonb_build_array(attribute.value) end) as element
    where jsonb_typeof(element.value) in ('string', 'number');
end;

-- In one order for everybody, so that two who write items do not wait for each other for ever, as long as a transaction
-- has one statement that either adds items or replaces some: one that does both fires two triggers, each of which begins
-- anew. Before `track_added` and `track_changed`, by name: this takes a while, and nobody's events wait for it.
create function note_catalogue_words() returns trigger
language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        insert into catalogue_words (word, keys)
        select word, typing_keys(word)
        from (
            select distinct word
            from written, written_words(title, categories, description, attributes) as word
        ) as words
        where not exists (select from catalogue_words where catalogue_words.word = words.word)
        order by word
        on conflict do nothing;
    else
        insert into catalogue_words (word, keys)
        select word, typing_keys(word)
        from (
            select distinct word
            from written join replaced using (item_no),
                 written_words(written.title, written.categories, written.description, written.attributes) as word
            where (written.title, written.categories, written.description, written.attributes)
                  is distinct from (replaced.title, replaced.categories, replaced.description, replaced.attributes)
        ) as words
        where not exists (select from catalogue_words where catalogue_words.word = words.word)
        order by word
        on conflict do nothing;
    end if;
    return null;
end
$$;

-- Held by who adds some items and replaces others at once, to the end of the transaction: two of them would each begin with
-- words again where the other goes on.
create function hold_item_batches() returns boolean
language plpgsql as $$
begin
    perform pg_advisory_xact_lock(31310, 9);
    return true;
end
$$;

create trigger note_words_of_new_items after insert on items
    referencing new table as written
    for each statement execute function note_catalogue_words();

create trigger note_words_of_replaced_items after update on items
    referencing new table as written old table as replaced
    for each statement execute function note_catalogue_words();

-- ---------------------------------------------------------------- what is typed

-- Whether a word says nothing by itself in the catalogue's language, as `for` and `the` in English.
create function is_function_word(word text) returns boolean
language sql stable strict parallel safe
return case when words_language() = 'simple' then false
            else ts_lexize(cast(words_language() || '_stem' as regdictionary), word) = '{}' end;

-- What finds one term as it stands among an item's words, such as `category:drama`.
create function term_query(term text) returns tsquery
language sql immutable strict parallel safe
return cast($$'$$ || replace(replace(term, $$\$$, $$\\$$), $$'$$, $$''$$) || $$'$$ as tsquery);

-- What items must hold to hold this; words written as one, as `spider-man`, follow each other. Empty: nothing to look for.
create function words_query(typed text) returns tsquery
language sql immutable strict parallel safe
return phraseto_tsquery('words'::regconfig, folded(typed));

-- What items must hold for a word that is still being typed: the word itself, or any word of the catalogue that begins
-- so. Stems end otherwise than words do (`animation` becomes `anim`), so the words themselves are looked up; the stems
-- that begin so are for numbers and for what is left out above. One or two letters begin nearly everything: they count in
-- titles only. No word is longer than 40 letters, and nothing much longer can be a word of a query: one typed letter may
-- fold to eighteen.
create function beginning_query(typed text) returns tsquery
language sql stable strict parallel safe
begin atomic
    select cast(nullif(concat_ws(' | ',
        nullif(cast(words_query(typed) as text), ''),
        quote_literal(nullif(beginning, '')) || case when short then ':*A' else ':*' end,
        (select string_agg(quote_literal(stem), ' | ')
         from unnest(tsvector_to_array(text_words((
             select string_agg(word, ' ')
             from (
                 select word from catalogue_words
                 where not short and word >= beginning and word < beginning || U&'\+10FFFF'
                 order by length(word), word limit 300
             ) as words
         )))) as stem)), '') as tsquery)
    from (select left(word, 40) as beginning, length(word) < 3 as short
          from translate(folded(typed), E'\\'' \t', '') as word) as typed_word;
end;

-- The terms of an interest or a query: its words, and the category of that name.
create function phrase_terms(phrase text) returns table (term text, weight real)
language sql immutable strict parallel safe
begin atomic
    select term, weight from terms_of(text_words(phrase))
    union all
    select 'category:' || left(folded(phrase), 200), cast(1 as real);
end;
