"""Packets as seen on the wire. craft.py is the only importer of scapy."""
