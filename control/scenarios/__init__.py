"""Flows of the reference document, replayed in a running lab and checked arrow for arrow. A flow is data; it stands on the test kit's Lab and on traces, and knows nothing of the command line."""
