-- Operating: keys for whoever runs the service.

alter table api_keys drop constraint api_keys_scopes_check;
alter table api_keys add constraint api_keys_scopes_check
    check (scopes <@ array['read', 'write', 'admin'] and cardinality(scopes) > 0);
