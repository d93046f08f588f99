-- Imports: where each goes on. What a load brought that was taken back counts as never imported.

-- name: find_last_import
-- The last run of an import from which it goes on: none before or at it was taken back after it was written.
select source, options, readings, create_items, high_water_mark, imported_at
from imports as found
where name = :name
  and not exists (
      select from imports as earlier join loads using (load_no)
      where earlier.name = found.name and earlier.import_no <= found.import_no and loads.undone_at >= found.imported_at)
order by import_no desc
limit 1;

-- name: load_imported_files
-- Each file of an import as it was when it was read last, unless that load was taken back.
select distinct on (file) file, size_bytes, modified_ns, sha256, skipped, imported_at
from imported_files join imports using (import_no) join loads using (load_no)
where name = :name and loads.state <> 'undone'
order by file, import_no desc;

-- name: store_import
insert into imports (name, load_no, source, options, readings, create_items, high_water_mark)
values (:name, :load_no, :source, cast(:options as jsonb), cast(:readings as jsonb), :create_items,
        cast(cast(:high_water_mark as text) as jsonb))
returning import_no;

-- name: store_imported_file
insert into imported_files (import_no, file, size_bytes, modified_ns, sha256, skipped)
values (:import_no, :file, :size_bytes, :modified_ns, :sha256, :skipped);
