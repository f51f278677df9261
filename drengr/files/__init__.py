"""Bytes of any vendor's file → rows (contract 5, whole files). Pure, streaming."""
