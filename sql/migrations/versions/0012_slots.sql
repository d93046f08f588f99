-- Slots of a list that are given to new items.

-- Those few like are found without looking at the others.
create index item_embeddings_users on item_embeddings (users, item_no);

-- Which of `item_nos` were in the list to become known.
alter table impressions add column explored integer[] not null default '{}';

create view analytics.explored_items as
select items.item_id,
       items.title,
       (impressions.shown_at at time zone 'UTC')::date as day,
       count(*) as shown,
       count(distinct impressions.user_no) as users,
       count(*) filter (where taken.item_no is not null) as taken
from public.impressions
cross join lateral unnest(impressions.explored) as explored (item_no)
join public.items on items.item_no = explored.item_no
left join lateral (
    select interactions.item_no
    from public.interactions join public.event_kinds using (kind_no)
    where interactions.user_no = impressions.user_no and interactions.item_no = explored.item_no
      and interactions.occurred_at >= impressions.shown_at
      and interactions.occurred_at < impressions.shown_at + interval '7 days' and strength > 0
    limit 1
) as taken on true
group by 1, 2, 3;

comment on view analytics.explored_items is 'New items that were given a place in lists to become known, and what came of it, by day (UTC).';
comment on column analytics.explored_items.item_id is 'The app''s id of the item.';
comment on column analytics.explored_items.title is 'Title of the item as it is now.';
comment on column analytics.explored_items.day is 'Day the lists were given, in UTC.';
comment on column analytics.explored_items.shown is 'How many lists showed the item so.';
comment on column analytics.explored_items.users is 'To how many different users.';
comment on column analytics.explored_items.taken is 'Lists whose user used or liked the item within seven days.';

grant select on analytics.explored_items to analyst;
