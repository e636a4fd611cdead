-- Accepts a cause. KEYS and ARGV as in acceptance.lua. Returns {OK|DUP|CONFLICT|FULL, id}.
return accept_cause({unpack(KEYS, AFTER_STATES)}, ARGV)
