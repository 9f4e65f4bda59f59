"""The published shape of each Vault call that rotators make: method, path, body fields.

Facts taken from the API description of Vault 1.15 (`vault-openapi.json`).
`test_vault.py` compares every recorded call with this table, and this table
with the description where a copy of it is at hand.
"""

CALLS: dict[tuple[str, str], frozenset[str]] = {
    (method, path): frozenset(fields.split())
    for method, path, fields in (
        ("get", "/sys/health", ""),
        ("post", "/auth/token/lookup", "token"),
        ("get", "/auth/token/lookup-self", ""),
        ("post", "/auth/token/lookup-accessor", "accessor"),
        ("list", "/auth/token/accessors/", ""),
        ("post", "/auth/token/revoke-accessor", "accessor"),
        ("post", "/auth/token/revoke-self", ""),
        (
            "post",
            "/auth/token/create",
            "display_name meta policies type num_uses ttl renewable explicit_max_ttl no_parent no_default_policy",
        ),
        (
            "post",
            "/auth/token/create/{role_name}",
            "display_name meta ttl type renewable num_uses no_parent no_default_policy policies explicit_max_ttl",
        ),
        ("post", "/auth/token/roles/{role_name}", "orphan allowed_policies token_type renewable"),
        ("list", "/auth/token/roles/", ""),
        ("get", "/auth/token/roles/{role_name}", ""),
        ("list", "/auth/{approle_mount_path}/role", ""),
        ("post", "/auth/{approle_mount_path}/role/{role_name}", "token_policies token_ttl"),
        ("get", "/auth/{approle_mount_path}/role/{role_name}/role-id", ""),
        ("post", "/auth/{approle_mount_path}/role/{role_name}/secret-id", "metadata cidr_list token_bound_cidrs"),
        ("list", "/auth/{approle_mount_path}/role/{role_name}/secret-id", ""),
        ("post", "/auth/{approle_mount_path}/role/{role_name}/secret-id/lookup", "secret_id"),
        ("post", "/auth/{approle_mount_path}/role/{role_name}/secret-id/destroy", "secret_id"),
        ("post", "/auth/{approle_mount_path}/role/{role_name}/secret-id-accessor/lookup", "secret_id_accessor"),
        ("post", "/auth/{approle_mount_path}/role/{role_name}/secret-id-accessor/destroy", "secret_id_accessor"),
        ("post", "/auth/{approle_mount_path}/login", "role_id secret_id"),
        ("post", "/auth/{userpass_mount_path}/users/{username}", "password policies"),
        ("get", "/auth/{userpass_mount_path}/users/{username}", ""),
        ("post", "/auth/{userpass_mount_path}/users/{username}/password", "password"),
        ("post", "/auth/{userpass_mount_path}/login/{username}", "password"),
        ("get", "/{kv_v2_mount_path}/data/{path}", ""),
        ("post", "/{kv_v2_mount_path}/data/{path}", "data options"),
        ("get", "/{kv_v2_mount_path}/metadata/{path}", ""),
        ("post", "/{kv_v2_mount_path}/delete/{path}", "versions"),
        ("post", "/{kv_v2_mount_path}/undelete/{path}", "versions"),
        ("post", "/{kv_v2_mount_path}/destroy/{path}", "versions"),
        ("list", "/{database_mount_path}/static-roles", ""),
        ("post", "/{database_mount_path}/static-roles/{name}", "db_name username rotation_period rotation_statements"),
        ("get", "/{database_mount_path}/static-creds/{name}", ""),
        ("post", "/{database_mount_path}/rotate-role/{name}", ""),
        ("get", "/{database_mount_path}/creds/{name}", ""),
        ("post", "/sys/leases/lookup", "lease_id"),
        ("post", "/sys/leases/revoke", "lease_id sync"),
        ("post", "/sys/capabilities-self", "paths"),
        ("post", "/sys/capabilities-accessor", "accessor paths"),
        ("get", "/sys/mounts", ""),
        ("get", "/sys/auth", ""),
        ("get", "/{aws_mount_path}/config/root", ""),
        ("post", "/{aws_mount_path}/config/rotate-root", ""),
        ("post", "/{transit_mount_path}/keys/{name}", ""),
        ("get", "/{transit_mount_path}/keys/{name}", ""),
        ("post", "/{transit_mount_path}/keys/{name}/rotate", ""),
        ("post", "/{transit_mount_path}/keys/{name}/config", "min_decryption_version"),
        ("post", "/{transit_mount_path}/encrypt/{name}", "plaintext key_version"),
        ("post", "/{transit_mount_path}/decrypt/{name}", "ciphertext"),
        ("post", "/sys/policies/acl/{name}", "policy"),
        ("post", "/sys/mounts/{path}", "type options config seal_wrap local"),
        ("post", "/sys/auth/{path}", "type seal_wrap local"),
    )
}
