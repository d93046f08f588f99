-- Search: words, beginnings of words and typing mistakes.
select 1;
