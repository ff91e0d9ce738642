"""An alert as the bytes that are sent say it."""

import json

from luota_svc.model.alerts import EarlierWords
from luota_svc.rules.alert import compose_alert

TOLD = EarlierWords(delivered=True, failed=False)


def alert(made):
    return json.loads(compose_alert(made))


def told(made):
    """Return the subject and the text up to the facts that every alert has."""
    document = alert(made)
    return document["subject"], document["text"].partition("\nRunbook")[0].strip()
