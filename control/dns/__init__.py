"""The cluster's DNS server: records from Services, and the server that answers."""
