"""Writes docs/settings.md to stdout: `python -m luota_svc.settings > docs/settings.md`."""

import sys

from luota_svc.settings.document import settings_markdown

sys.stdout.write(settings_markdown())
