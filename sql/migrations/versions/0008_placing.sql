-- Placing: items that come between two nights get their vectors.
select 1;
