-- What providers tell us by their own webhooks (store/provider_webhooks.py).

-- name: route
-- Reads the route that a webhook names, whether it tells anybody at present or not. Index: alert_routes_pkey.
SELECT workspace_id, target FROM alert_routes WHERE id = %(id)s AND kind = %(kind)s AND deleted_at IS NULL
