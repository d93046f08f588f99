-- Interests: what users say of themselves before their first event.
select 1;
