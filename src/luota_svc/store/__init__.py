"""PostgreSQL and only PostgreSQL: pool, unit of work, one catalogue of statements a noun, migrations. No decisions."""
