-- Interests: what users declare to like, and how it counts.

-- part: stored_profile
-- A profile that was just stored: whether the user is new, and all else that find_user would answer now, as one who is
-- forgotten right after is not found any more. What is not written just now is read as it was before this statement.
stored.user_no, created, changed,
coalesce((select created_at from users where user_id = stored.user_id and not created), now()) as created_at,
case when changed then now()
     else (select declared_at from user_interests where user_interests.user_no = stored.user_no) end as declared_at,
array(
    select exists (select from phrase_terms(phrase) cross join live_run
                   join term_embeddings as known on known.run_id = live_run.run_id and known.term = phrase_terms.term)
    from unnest(cast(:words as text[])) with ordinality as listed (phrase, ordinal) order by ordinal
) as known

-- name: put_user
-- Creates a user or replaces the profile of one. Harmless twice.
select
{stored_profile}
from put_users(jsonb_build_array(cast(:user as jsonb))) as stored;

-- name: change_user
-- The same, if the profile is still of this version; no row: it is not, or there is no such user.
select
{stored_profile}
from change_user(cast(:user as jsonb), :version) as stored;

-- name: put_users
-- Creates users or replaces their profiles. Harmless twice.
select user_id, user_no, created, changed from put_users(cast(:users as jsonb));

-- name: find_attributes
-- A user's attributes.
select attributes from users where user_id = :user_id;

-- part: profile
-- A user's profile, and which of the words the run being served knows.
user_no, user_id, attributes, created_at, declared_at, live_run.run_id, coalesce(words, '{}') as words,
array(
    select exists (select from phrase_terms(phrase) join term_embeddings as known
                   on known.run_id = live_run.run_id and known.term = phrase_terms.term)
    from unnest(words) with ordinality as listed (phrase, ordinal) order by ordinal
) as known,
array(
    select item_id from unnest(item_nos) with ordinality as listed (item_no, ordinal) join items using (item_no)
    order by ordinal
) as item_ids

-- name: find_user
-- A user, with the version of the profile.
select profile_version(user_id) as version,
{profile}
from users
left join user_interests using (user_no)
left join live_run on true
where user_id = :user_id;

-- name: list_users
-- Users after a number, in the order of their numbers.
select
{profile}
from users
left join user_interests using (user_no)
left join live_run on true
where user_no > :after
order by user_no
limit :most;

-- name: load_interests
-- The interests of those of the users who declare some. The newest there are, beyond any horizon too: whoever is behind
-- is found by their position.
select user_no, words, item_nos
from user_interests
where user_no = any(cast(:user_nos as integer[])) and cardinality(words) + cardinality(item_nos) > 0;

-- name: load_interests_of_range
-- The same of all users in a range of numbers, in rising order.
select user_no, words, item_nos
from user_interests
where user_no between :first and :last and cardinality(words) + cardinality(item_nos) > 0
order by user_no;

-- name: load_phrase_vectors
-- Phrases as parts of a history in a run's space; those of which it knows no term are absent.
select phrase, embedding, context_embedding, taste_scale, confidence_scale
from phrase_vectors(:run_id, cast(:phrases as text[]))
order by phrase collate "C";

-- name: store_prior
-- Notes in the row of a run what is liked by many; its item vectors must be there.
select store_prior(:run_id);

-- name: load_phrase_vectors_of_range
-- The same of all that users in a range of numbers have declared, as arrays for bulk reading.
select phrase, cast(embedding as real[]) as embedding, cast(context_embedding as real[]) as context_embedding,
       taste_scale, confidence_scale
from phrase_vectors(:run_id, array(
    select distinct unnest(words) from user_interests where user_no between :first and :last))
order by phrase collate "C";
