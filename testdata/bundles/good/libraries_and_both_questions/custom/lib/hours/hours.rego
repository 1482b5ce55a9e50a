package custom.lib.hours

closed(host) if startswith(host, "closed.")
