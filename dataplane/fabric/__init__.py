"""What joins nodes and pods: the underlay, node links, overlays, pod links, the internet namespace."""
