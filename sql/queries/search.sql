-- Searching the catalogue for what is typed.

-- name: analyze_words
-- What each word or phrase typed asks of items, also if it is the beginning of a word; whether it says nothing by
-- itself; whether it is written so somewhere; how many items have it that may be shown, up to 1,000; and, with each, what all
-- that is wanted means together in a run.
with given as materialized (
    select ordinal, typed, wanted, nullif(cast(words_query(typed) as text), '') as asks,
           case when unfinished then cast(beginning_query(typed) as text) end as begins,
           is_function_word(folded(typed)) as is_function_word,
           unfinished and length(folded(typed)) < 3 as in_title
    from unnest(cast(:typed as text[]), cast(:unfinished as boolean[]), cast(:wanted as boolean[]))
        with ordinality as given (typed, unfinished, wanted, ordinal)
),
meant as materialized (
    select similarity_embedding_of_words(:run_id, text_words(string_agg(typed, ' ' order by ordinal))) as similarity_embedding
    from given
    where wanted and (not is_function_word or not exists (select from given where wanted and not is_function_word))
)
select asks, begins, in_title, is_function_word, similarity_embedding,
       -- Only words of letters alone are noted; what has a number in it has no stem to share with another word.
       folded(typed) ~ '[0-9]' or exists (select from catalogue_words where word = folded(typed)) as is_written,
       (select count(*)
        from (
            (select from items
             where not in_title and words @@ cast(coalesce(begins, asks) as tsquery)
               and {shown}
             limit 1000)
            union all
            (select from items
             where in_title and ts_filter(words, '{a}') @@ cast(begins as tsquery)
               and {shown}
             limit 1000)
        ) as had) as items
from given cross join meant
order by ordinal;

-- name: find_similar_words
-- Words of the catalogue that are written nearly like one of these, and some others, those of about the same length
-- first: whoever asks computes the edit distance.
select folded(typed) as typed, array(
           select word from catalogue_words where keys && typing_keys(folded(typed))
           order by abs(length(word) - length(folded(typed))), word
           limit 500
       ) as words
from unnest(cast(:typed as text[])) with ordinality as given (typed, ordinal)
order by ordinal;

-- name: find_compounds
-- Words typed that items have, which may be shown, as several words following each other, not only in descriptions: two to four
-- words of the catalogue, numbers, or a single letter at either end. Of several ways to split a word the one into the
-- fewest, then the one that most items have; how many these are, up to 1,000; and whether one of the words says nothing
-- by itself.
with recursive given as (
    select typed, folded(typed) as word from unnest(cast(:typed as text[])) as typed where length(folded(typed)) <= 30
),
ways (typed, word, done, compound, parts) as (
    select typed, word, 0, cast(null as text), 0 from given
    union all
    select typed, word, done + letters, concat_ws(' ', compound, part), parts + 1
    from ways
    cross join lateral generate_series(1, length(word) - done) as letters
    cross join lateral (select substr(word, done + 1, letters) as part) as next
    where letters < length(ways.word) and (parts < 3 or done + letters = length(ways.word))
      and (exists (select from catalogue_words where catalogue_words.word = part)
           or letters = 1 and (done = 0 or done + 1 = length(ways.word))
           or part ~ '^[0-9]+$')
),
fewest as (
    select typed, compound, parts, words_query(compound) as asks
    from (select ways.*, row_number() over (partition by typed order by parts, compound) as ordinal
          from ways where done = length(word)) as numbered
    where ordinal <= 8
)
select distinct on (typed) typed, compound, cast(asks as text) as asks, items,
       exists (select from unnest(string_to_array(compound, ' ')) as part where is_function_word(part)) as has_function_word
from fewest
cross join lateral (
    select count(*) as items
    from (select from items
          where words @@ asks and ts_filter(words, '{a,b,c}') @@ asks
            and {shown}
          limit 1000) as had
) as counted
where items > 0
order by typed, parts, items desc, compound;

-- name: count_items_with
-- How many items that may be shown have each word, up to 1,000.
select word, (select count(*)
              from (
                  select from items
                  where words @@ words_query(word)
                    and {shown}
                  limit 1000
              ) as had) as items
from unnest(cast(:words as text[])) as word;

-- part: may_be_found
-- Of the catalogue, what holds to :binding, has not :unwanted and passes the filters, without what is `left_out`.
(cast(:binding as tsquery) is null or items.words @@ cast(:binding as tsquery))
and (cast(:unwanted as tsquery) is null or not items.words @@ cast(:unwanted as tsquery))
and {passes}
and items.item_no not in (select item_no from left_out)

-- name: search_items
-- Candidates of a search with all that their order is made of. Found are items with all words (:all_of); if these are
-- fewer than :enough, those without one of the words (:most_of), then those with any (:any_of); of many, some with
-- all words in the title, some others, and all that are popular. They all hold to :binding and none has :unwanted, which
-- the index is asked as well: it need not be looked for in items that have it, however many; both may be null. Besides,
-- the items of :near, found before. Few items within the bounds of a filter are looked at one by one instead.
with {few}
, asked as materialized (
    select cast(:terms as tsquery[]) as terms, cast(:any_of as tsquery) as any_of
),
left_out as materialized (
    select unnest(cast(:excluded as integer[])) as item_no
    union all
    {not_shown}
),
with_all as materialized (
    select item_no
    from (
        (select item_no, words from items
         where (select item_nos is null from few)
           and ts_filter(words, '{a}') @@ cast(:all_in_title as tsquery)
           and {may_be_found}
         limit :ranked)
        union all
        (select item_no, words from items
         where (select item_nos is null from few)
           and words @@ (cast(:all_of as tsquery) && coalesce(!!cast(:unwanted as tsquery), ''))
           and {may_be_found}
         limit :ranked)
        union all
        -- An array: whatever the words, the planner begins with the popular ones.
        (select item_no, words from items
         where item_no = any(array(select unnest(item_nos) from popular_items
                                   where run_id = :run_id and list = 'popular' and category = ''))
           and words @@ cast(:all_of as tsquery)
           and {may_be_found}
        )
        union all
        (select item_no, words from items
         where item_no = any(cast((select item_nos from few) as integer[]))
           and words @@ cast(:all_of as tsquery)
           and {may_be_found}
        )
    ) as found
    group by item_no
    order by max(ts_rank_cd('{0.1,0.2,0.4,1.0}', words, cast(:all_in_title as tsquery))) desc, item_no
    limit :candidates
),
with_most as materialized (
    select item_no
    from (
        (select item_no, words from items
         where (select item_nos is null from few)
           and words @@ (cast(:most_of as tsquery) && coalesce(!!cast(:unwanted as tsquery), ''))
           and {may_be_found}
           and (select count(*) from with_all) < :enough
         limit :ranked)
        union all
        (select item_no, words from items
         where item_no = any(cast((select item_nos from few) as integer[]))
           and words @@ cast(:most_of as tsquery)
           and {may_be_found}
           and (select count(*) from with_all) < :enough
        )
    ) as found
    order by ts_rank_cd('{0.1,0.2,0.4,1.0}', words, cast(:most_of as tsquery)) desc, item_no
    limit :candidates
),
with_any as materialized (
    select item_no
    from (
        (select item_no, words from items
         where (select item_nos is null from few)
           and words @@ (cast(:any_of as tsquery) && coalesce(!!cast(:unwanted as tsquery), ''))
           and {may_be_found}
           and (select count(*) from with_all) + (select count(*) from with_most) < :enough
         limit :ranked)
        union all
        (select item_no, words from items
         where item_no = any(cast((select item_nos from few) as integer[]))
           and words @@ cast(:any_of as tsquery)
           and {may_be_found}
           and (select count(*) from with_all) + (select count(*) from with_most) < :enough
        )
    ) as found
    order by ts_rank('{0.1,0.2,0.4,1.0}', words, cast(:any_of as tsquery)) desc, item_no
    limit :candidates
),
candidates as (
    select item_no from with_all
    union select item_no from with_most
    union select item_no from with_any
    union select unnest(cast(:near as integer[]))
)
select items.item_no, item_id, title, coalesce(users, 0) as users,
       coalesce(-(item_similarity_embeddings.similarity_embedding <#> cast(:meant as vector)), 0) as meaning,
       coalesce(-(item_embeddings.embedding <#> cast(:embedding as vector)), 0) as taste,
       array(select case when not items.words @@ term then 0.0
                         when in_title.words @@ term then 1.0
                         when ts_filter(items.words, '{b}') @@ term then 0.6
                         when ts_filter(items.words, '{c}') @@ term then 0.4
                         else 0.2 end
             from unnest(terms) with ordinality as given (term, ordinal) order by ordinal) as field_weights,
       (select coalesce(sum(cardinality(positions)), 0) from unnest(in_title.words)) as title_words,
       ts_rank_cd('{0.1,0.2,0.4,1.0}', items.words, any_of, 1) as density
from candidates
join items using (item_no)
cross join asked
cross join lateral (select ts_filter(items.words, '{a}') as words) as in_title
left join item_similarity_embeddings
    on item_similarity_embeddings.run_id = :run_id and item_similarity_embeddings.item_no = items.item_no
left join item_embeddings on item_embeddings.run_id = :run_id and item_embeddings.item_no = items.item_no;

-- name: load_highlights
-- For some items, where the words of a query stand: title and text as they are and, folded, with a character of its own
-- before and after each word. The text is the description if a word stands there, else categories and attributes.
select item_no, title, found_in.text,
       ts_headline('words', translate(folded(title), :marks, '  '), cast(:any_of as tsquery), :options) as marked_title,
       ts_headline('words', translate(folded(found_in.text), :marks, '  '), cast(:any_of as tsquery), :options) as marked_text
from items
cross join lateral (
    select case when ts_filter(words, '{d}') @@ cast(:any_of as tsquery) then left(description, 4000)
                when ts_filter(words, '{b,c}') @@ cast(:any_of as tsquery)
                then left(written_attributes(categories, attributes), 4000)
                else '' end as text
) as found_in
where item_no = any(cast(:item_nos as integer[]));
