"""Composition root: builds every room on an exit stack and takes it down again. No feature decides anything here."""
