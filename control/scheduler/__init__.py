"""The scheduler: queue, filters, scores, bind; a client of the API only."""
