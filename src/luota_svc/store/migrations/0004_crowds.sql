-- A crowd behind one destination: what goes at people's pace and what goes by itself are found apart, or a claim that may
-- take only the one kind would read all that waits of the other.

CREATE INDEX deliveries_first_words ON deliveries (workspace_id, destination, next_attempt_at, id)
    WHERE state = 'pending' AND reason IN ('opened', 'reminder', 'resolved', 'escalation');
CREATE INDEX deliveries_apart ON deliveries (workspace_id, destination, next_attempt_at, id)
    WHERE next_attempt_at IS NOT NULL
        AND (state <> 'pending' OR reason NOT IN ('opened', 'reminder', 'resolved', 'escalation'));
