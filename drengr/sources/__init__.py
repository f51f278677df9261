"""Vendors' rows → events. One vendor = one file here and one line in SOURCES; the key is the `source` of a request."""
