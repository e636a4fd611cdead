-- Accepts causes and, where the queues are beside the ledger, puts the hints of their runs into them.
-- KEYS, ARGV and what it returns: as in acceptance.lua.
return accept_all(KEYS, ARGV)
