-- Routes whose provider keeps a state of its own for each incident (store/following.py).

-- name: routes
-- Names the pagers of a workspace. Index: alert_routes_of_workspace.
SELECT id FROM alert_routes WHERE workspace_id = %(workspace_id)s AND kind = 'pagerduty' AND deleted_at IS NULL
