-- Search: words, beginnings of words and typing mistakes.

-- Titles alone: of all items with a word the ones that are called so come first, and they must be found among many.
create index items_title_words on items using gin (ts_filter(words, '{a}')) with (gin_pending_list_limit = 256);

-- What was written last waits beside the index, and every search reads all of it: 4 MB by default, which costs a search
-- after a bulk load several times what it takes otherwise.
alter index items_words set (gin_pending_list_limit = 256);

-- ---------------------------------------------------------------- typing mistakes

-- How many slips of the finger a word is forgiven: a letter too many, missing, wrong, or two exchanged.
create function forgiven_slips(word text) returns integer
language sql immutable strict parallel safe
return case when length(word) < 4 then 0 when length(word) < 8 then 1 else 2 end;

-- What a word has in common with every word that is written nearly alike: the beginning of both, after as many letters
-- are taken out as slips are forgiven. Only seven letters count, which keeps this at 29 at most, as numbers.
create function typing_keys(word text) returns integer[]
language sql immutable strict parallel safe
return (
    select array_agg(distinct hashtext(
        case when second > 0 then left(beginning, first - 1) || substr(beginning, first + 1, second - first - 1)
                                  || substr(beginning, second + 1)
             when first > 0 then left(beginning, first - 1) || substr(beginning, first + 1)
             else beginning end))
    from (select left(word, 7) as beginning) as cut
    -- The places of the letters taken out; 0: none.
    cross join generate_series(0, case when forgiven_slips(word) >= 1 then length(left(word, 7)) else 0 end) as first
    cross join generate_series(0, case when forgiven_slips(word) >= 2 then length(left(word, 7)) else 0 end) as second
    where second = 0 or second > first and first > 0
);

-- ---------------------------------------------------------------- the words of the catalogue as they are written

-- Words as people write them, not their stems: their beginnings complete what is being typed, and what is typed wrong is
-- compared with them. A word stays when its last item goes; whoever offers one asks whether an item still has it. So a
-- word is written once, and those who write items hardly ever wait for each other.
create table catalogue_words (
    word  text collate "C" primary key,
    keys  integer[] not null
);

create index catalogue_words_keys on catalogue_words using gin (keys) with (gin_pending_list_limit = 256);

-- The different words of an item, cut off where `item_words` cuts; not numbers, nor what is longer than any word.
create function written_words(title text, categories text[], description text, attributes jsonb) returns setof text
language sql immutable strict parallel safe
begin atomic
    select word
    from unnest(tsvector_to_array(to_tsvector('simple'::regconfig, folded(
        left(title, 2000) || ' , ' || left(array_to_string(categories, ' , '), 10000) || ' , '
        || left(coalesce((select string_agg(value, ' , ') from attribute_values(attributes)), ''), 20000) || ' , '
        || left(description, 30000))))) as word
    where length(word) between 2 and 40 and word collate "pg_c_utf8" !~ '[^[:alpha:]]';
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
-- anew. Before `tell_added` and `tell_changed`, by name: this takes a while, and nobody's events wait for it.
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

create trigger note_words_of_new_items after insert on items
    referencing new table as written
    for each statement execute function note_catalogue_words();

create trigger note_words_of_replaced_items after update on items
    referencing new table as written old table as replaced
    for each statement execute function note_catalogue_words();

insert into catalogue_words (word, keys)
select word, typing_keys(word)
from (select distinct word from items, written_words(title, categories, description, attributes) as word) as words;

-- ---------------------------------------------------------------- what is typed

-- Whether a word says nothing by itself in the catalogue's language, as `for` and `the` in English.
create function is_function_word(word text) returns boolean
language sql stable strict parallel safe
return case when words_language() = 'simple' then false
            else ts_lexize(cast(words_language() || '_stem' as regdictionary), word) = '{}' end;

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
        quote_literal(nullif(said, '')) || case when short then ':*A' else ':*' end,
        (select string_agg(quote_literal(stem), ' | ')
         from unnest(tsvector_to_array(text_words((
             select string_agg(word, ' ')
             from (
                 select word from catalogue_words
                 where not short and word >= said and word < said || U&'\+10FFFF'
                 order by length(word), word limit 300
             ) as words
         )))) as stem)), '') as tsquery)
    from (select left(word, 40) as said, length(word) < 3 as short
          from translate(folded(typed), E'\\'' \t', '') as word) as typed_word;
end;

-- ---------------------------------------------------------------- what is meant

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
